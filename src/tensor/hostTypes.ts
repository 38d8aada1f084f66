/** Instances of a class of the host where its types declare it, else what is said to be needed of them. */
type Instance<Name extends string, Needed> = typeof globalThis extends {
  readonly [K in Name]: { readonly prototype: infer T };
}
  ? T
  : Needed;

/** `URL`, `Cache` and `fetch`, which are no part of the language: programs that know neither DOM nor Node type-check too. */
export type HostUrl = Instance<'URL', { readonly href: string }>;
export type HostCache = Instance<'Cache', object>;
export type HostFetch = typeof globalThis extends { readonly fetch: infer T }
  ? T
  : (url: HostUrl, init?: object) => Promise<object>;
