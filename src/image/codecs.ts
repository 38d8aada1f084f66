import { codecs, type PackagedCodec } from '#codecs';
import { inflate } from '../tensor/inflate.js';
import type { RgbaImage } from './rawImage.js';

export type CodecName = keyof typeof codecs;
type Glue = Awaited<ReturnType<PackagedCodec['glue']>>;

/** An instance of a codec. Calls are synchronous, so that no two of them ever use its memory at once. */
export interface Codec {
  /** @throws Error, saying what is wrong, for a file that it cannot read; the instance must not be used again then. */
  decode(bytes: Uint8Array): RgbaImage;
}

/** What emscripten's code hands out. */
interface EmscriptenModule {
  decode(bytes: Uint8Array, ...options: readonly unknown[]): RgbaImage | null;
}

/** `ImageData` of browsers as codecs make it: the pixels, copied out of their memory. */
class CodecImage implements RgbaImage {
  constructor(
    readonly data: Uint8ClampedArray<ArrayBuffer>,
    readonly width: number,
    readonly height: number,
  ) {}
}

const DAMAGED = 'damaged image data';
const GLOBALS = { ImageData: CodecImage, Uint8ClampedArray };

const INSTANTIATE: Readonly<Record<CodecName, (glue: Glue, module: WebAssembly.Module) => Promise<Codec>>> = {
  jpeg: (glue, module) => emscriptenCodec(glue, module, [false]),
  webp: (glue, module) => emscriptenCodec(glue, module, []),
  async png(makeGlue, module) {
    const glue = makeGlue(GLOBALS, CodecImage) as {
      default(module: WebAssembly.Module): Promise<unknown>;
      decode(bytes: Uint8Array): RgbaImage;
    };
    await glue.default(module);
    return {
      decode(bytes) {
        try {
          return glue.decode(bytes);
        } catch (cause) {
          // All that its panics say is where they were.
          throw new Error(DAMAGED, { cause });
        }
      },
    };
  },
};

/** `options`: what the codec takes besides bytes; mozjpeg's is whether to turn the image, which it does in part only. */
async function emscriptenCodec(glue: Glue, module: WebAssembly.Module, options: readonly unknown[]): Promise<Codec> {
  const factory = glue(GLOBALS, CodecImage).default as (options: object) => Promise<EmscriptenModule>;
  let printed = '';
  const emscripten = await new Promise<EmscriptenModule>((resolve, reject) => {
    const made = factory({
      noInitialRun: true,
      // Emscripten's code waits for `receive` for ever, and hears of no failure.
      instantiateWasm(imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance) => void) {
        WebAssembly.instantiate(module, imports).then(receive).catch(reject);
        return {};
      },
      print() {},
      printErr: (text: string) => {
        printed ||= text;
      },
    });
    made.then(resolve, reject);
  });
  return {
    decode(bytes) {
      printed = '';
      try {
        const image = emscripten.decode(bytes, ...options);
        if (image) return image;
      } catch (cause) {
        throw new Error(printed || DAMAGED, { cause });
      }
      throw new Error(printed || DAMAGED);
    },
  };
}

/**
 * Instances of codecs, each used again while the host keeps it: making one takes 16 MB, and a host that makes one for
 * every photograph spends a quarter of its time collecting them.
 */
export class Codecs {
  readonly #modules = new Map<CodecName, Promise<WebAssembly.Module>>();
  readonly #instances = new Map<CodecName, WeakRef<Codec>>();

  /**
   * Runs `use` on an instance that calls share, one after the other, as `use` is synchronous. An instance in which it fails
   * is dropped. Rejects with what the host throws where it cannot make one; the next call tries again.
   */
  async with<T>(name: CodecName, use: (codec: Codec) => T): Promise<T> {
    const codec = this.#instances.get(name)?.deref() ?? (await this.#instantiate(name));
    try {
      return use(codec);
    } catch (error) {
      this.#instances.delete(name);
      throw error;
    }
  }

  async #instantiate(name: CodecName): Promise<Codec> {
    let module = this.#modules.get(name);
    if (!module) {
      module = compiled(name);
      this.#modules.set(name, module);
      // A module that cannot be had now may be had by the next call.
      module.catch(() => this.#modules.delete(name));
    }
    const codec = await INSTANTIATE[name](await codecs[name].glue(), await module);
    this.#instances.set(name, new WeakRef(codec));
    return codec;
  }
}

async function compiled(name: CodecName): Promise<WebAssembly.Module> {
  const wasm = await codecs[name].wasm();
  if (typeof wasm !== 'string') return wasm;
  const bytes = await inflate(wasm);
  return WebAssembly.compile(bytes);
}
