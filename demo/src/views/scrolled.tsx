import type { ComponentChildren } from 'preact';

/** A table that may be larger than its place; the keyboard scrolls it too. */
export function Scrolled({ label, children }: { readonly label: string; readonly children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class="scrolled" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
