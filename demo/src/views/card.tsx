import type { ComponentChildren } from 'preact';

/** A titled part of a view. */
export function Card({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <div class="card">
      <h2>{title}</h2>
      {children}
    </div>
  );
}
