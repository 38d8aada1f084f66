/** What is known of a tensor before it comes. */
export interface Description {
  readonly dims: readonly number[];
  /** Of its elements, where that matters. */
  readonly type?: string | undefined;
}

/**
 * A tensor, or what is made of tensors, that is described before it comes: a file's header tells of all its tensors,
 * whose elements come one after another. What uses it runs in the moment when it comes.
 */
export interface Pending<T> extends Description {
  /** @throws Error before it has come, and where it went to those who used it. */
  readonly value: T;
  /** Runs `use` with the value: now if it is there, else when it comes. @throws what `use` throws. */
  use(use: (value: T) => void): void;
  /** What `make` makes of it. */
  map<U>(make: (value: T) => U, description?: Description): Pending<U>;
}

/** A `Pending` as they see it who bring its value. */
export class Arrival<T> implements Pending<T> {
  readonly dims: readonly number[];
  readonly type: string | undefined;
  #value: { readonly it: T } | undefined;
  readonly #uses: ((value: T) => void)[] = [];

  constructor({ dims, type }: Description) {
    this.dims = dims;
    this.type = type;
  }

  get value(): T {
    if (!this.#value) throw new Error(`a tensor of dims [${this.dims.join(', ')}] expected to be there, got none`);
    return this.#value.it;
  }

  use(use: (value: T) => void): void {
    if (this.#value) use(this.#value.it);
    else this.#uses.push(use);
  }

  map<U>(make: (value: T) => U, description: Description = this): Pending<U> {
    return joined([this as Pending<T>], description, ([value]) => make(value as T));
  }

  /**
   * Hands the value to those who wait for it; kept only where none does, so that the tensors of a file are freed one by
   * one.
   * @throws what those throw who use it.
   */
  bring(value: T): void {
    if (this.#uses.length === 0) this.#value = { it: value };
    else for (const use of this.#uses.splice(0)) use(value);
  }
}

/** One that is there. */
export function present<T extends Description>(value: T): Pending<T> {
  const arrival = new Arrival<T>(value);
  arrival.bring(value);
  return arrival;
}

/** What `make` makes of several, once all are there. */
export function joined<T, U>(
  parts: readonly Pending<T>[],
  description: Description,
  make: (values: readonly T[]) => U,
): Pending<U> {
  const arrival = new Arrival<U>(description);
  const values: T[] = [];
  let missing = parts.length;
  parts.forEach((part, i) => {
    part.use((value) => {
      values[i] = value;
      if (--missing === 0) arrival.bring(make(values.splice(0)));
    });
  });
  return arrival;
}
