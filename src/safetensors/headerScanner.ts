import { describe } from '../tensor/check.js';

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;
/** Characters that an unknown key's value may have. */
const MAX_SKIPPED = 2 ** 20;
const SPACE = /[ \t\n\r]*/y;

/**
 * Reads a header of JSON from front to back, for what a safetensors file may hold, and stops at the first thing that it
 * may not: `JSON.parse` forgets equal keys, and makes an object of each of the millions that a header may have.
 * Source: RFC 8259. Every method throws RangeError for malformed text.
 */
export class HeaderScanner {
  #at = 0;

  constructor(private readonly text: string) {}

  /** The keys of an object, each to be followed by one read of its value. `expected`: what an error asks for. */
  *object(expected: string): Generator<string> {
    if (this.#next() !== '{') throw this.#unexpected(expected);
    this.#at++;
    if (this.#next() === '}') {
      this.#at++;
      return;
    }
    for (;;) {
      this.#next();
      const key = this.string('a header of JSON, and in it a key');
      this.#expect(':');
      yield key;
      if (this.#next() === '}') break;
      this.#expect(',');
    }
    this.#at++;
  }

  string(expected: string): string {
    if (this.#next() !== '"') throw this.#unexpected(expected);
    const start = this.#at;
    this.#skipString();
    return this.#parse(this.text.slice(start, this.#at)) as string;
  }

  /** An array of safe integers ≥ 0. */
  naturals(expected: string): number[] {
    const numbers: number[] = [];
    if (this.#next() !== '[') throw this.#unexpected(expected);
    const start = this.#at++;
    if (this.#next() === ']') {
      this.#at++;
      return numbers;
    }
    for (;;) {
      this.#next();
      const value = Number(this.#match(NUMBER) ?? Number.NaN);
      if (!Number.isSafeInteger(value) || value < 0) {
        throw this.#malformed(expected, this.text.slice(start, start + 64).replace(/\].*$/s, ']'));
      }
      numbers.push(value);
      if (this.#next() === ']') break;
      this.#expect(',');
    }
    this.#at++;
    return numbers;
  }

  /** Any value, of a key that the format does not know, if it is short. */
  skip(): void {
    const start = this.#at;
    let depth = 0;
    do {
      const letter = this.#next();
      if (letter === '"') this.#skipString();
      else if (letter === '{' || letter === '[') depth++;
      else if (letter === '}' || letter === ']') depth--;
      if (letter !== '"') this.#at++;
      if (depth === 0 && letter !== '"' && letter !== '}' && letter !== ']') {
        this.#at--;
        if (this.#match(NUMBER) === undefined && this.#match(LITERAL) === undefined) break;
      }
      if (this.#at - start > MAX_SKIPPED) throw this.#malformed(`at most ${MAX_SKIPPED} characters of a key`, 'more');
    } while (depth > 0 && this.#at < this.text.length);
    this.#parse(this.text.slice(start, this.#at));
  }

  /** Nothing but space may follow. */
  end(): void {
    if (this.#next() !== '') throw this.#unexpected('a header of JSON that ends with its object');
  }

  #parse(token: string): unknown {
    try {
      return JSON.parse(token);
    } catch (error) {
      throw this.#malformed('a header of JSON', String(error).slice(0, 100));
    }
  }

  #skipString(): void {
    for (let at = this.#at + 1; ; ) {
      const quote = this.text.indexOf('"', at);
      if (quote < 0) throw this.#malformed('a header of JSON', 'a string without an end');
      let escapes = 0;
      while (this.text.charCodeAt(quote - 1 - escapes) === 0x5c && quote - 1 - escapes > this.#at) escapes++;
      at = quote + 1;
      if (escapes % 2 === 0) {
        this.#at = at;
        return;
      }
    }
  }

  /** The next letter that is no space; empty at the end. */
  #next(): string {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.text);
    this.#at = SPACE.lastIndex;
    return this.text.charAt(this.#at);
  }

  #expect(letter: string): void {
    if (this.#next() !== letter) throw this.#unexpected(`a header of JSON, and in it "${letter}"`);
    this.#at++;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.text)?.[0];
    if (match !== undefined) this.#at += match.length;
    return match;
  }

  #unexpected(expected: string): RangeError {
    const rest = this.text.slice(this.#at, this.#at + 16);
    const got = rest.startsWith('[') ? 'an array' : rest.startsWith('null') ? 'null' : describe(rest);
    return this.#malformed(expected, rest === '' ? 'its end' : got);
  }

  #malformed(expected: string, got: string): RangeError {
    return new RangeError(`safetensors file: expected ${expected}, got ${got} at character ${this.#at} of the header`);
  }
}
