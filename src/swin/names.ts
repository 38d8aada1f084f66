import type { StateDict } from './stateDict.js';

/** Whose names, and whose rules for small windows, a state dict follows. */
export type Convention = 'transformers' | 'torchvision' | 'timm' | 'microsoft';

/** Names of a block's tensors, without `.weight` and `.bias`; several where upstream has renamed them. */
export interface BlockNames {
  readonly norm1: string;
  readonly norm2: string;
  /** One layer of q, k and v, or one for each. */
  readonly qkv: string | readonly (readonly string[])[];
  /** Swin V2 outside transformers keeps the biases of q and v apart from the layer. */
  readonly qBias: string;
  readonly vBias: string;
  readonly projection: readonly string[];
  readonly fc1: readonly string[];
  readonly fc2: readonly string[];
  /** Whole names from here on. */
  readonly table: readonly string[];
  readonly positionMlp: string;
  readonly logitScale: string;
}

/** Where a convention keeps the tensors of a model. */
export interface ModelNames {
  readonly convention: Convention;
  readonly patchProjection: string;
  readonly patchNorm: string;
  readonly norm: string;
  readonly classifier: string;
  block(stage: number, index: number): BlockNames;
  /** Prefix of the patch merging behind a stage. */
  downsample(stage: number): string;
}

/** The convention of a state dict, by a tensor that only it has. @throws RangeError for one of none. */
export function namesOf(dict: StateDict, version: 1 | 2): ModelNames {
  const root = version === 1 ? 'swin' : 'swinv2';
  if (dict.has(`${root}.embeddings.patch_embeddings.projection.weight`)) return transformers(root);
  if (dict.has('features.0.0.weight')) return torchvision;
  if (dict.has('head.fc.weight')) return timm;
  if (dict.has('patch_embed.proj.weight')) return microsoft;
  throw new RangeError(
    `tensors expected: by the names of transformers ("${root}.embeddings.…"), torchvision ("features.0.0.…"), timm ` +
      '("head.fc.…") or Microsoft ("patch_embed.…"), got none of these',
  );
}

/** Names before and since version 5. */
function transformers(root: string): ModelNames {
  return {
    convention: 'transformers',
    patchProjection: `${root}.embeddings.patch_embeddings.projection`,
    patchNorm: `${root}.embeddings.norm`,
    norm: `${root}.layernorm`,
    classifier: 'classifier',
    block(stage, index) {
      const block = `${root}.encoder.layers.${stage}.blocks.${index}`;
      const attention = `${block}.attention`;
      return {
        norm1: `${block}.layernorm_before`,
        norm2: `${block}.layernorm_after`,
        qkv: [
          [`${attention}.self.query`, `${attention}.q_proj`],
          [`${attention}.self.key`, `${attention}.k_proj`],
          [`${attention}.self.value`, `${attention}.v_proj`],
        ],
        qBias: '',
        vBias: '',
        projection: [`${attention}.output.dense`, `${attention}.o_proj`],
        fc1: [`${block}.intermediate.dense`, `${block}.mlp.fc1`],
        fc2: [`${block}.output.dense`, `${block}.mlp.fc2`],
        table: [
          `${attention}.self.relative_position_bias_table`,
          `${attention}.relative_position_bias.relative_position_bias_table`,
        ],
        positionMlp: `${attention}.self.continuous_position_bias_mlp`,
        logitScale: `${attention}.self.logit_scale`,
      };
    },
    downsample: (stage) => `${root}.encoder.layers.${stage}.downsample`,
  };
}

/** What Microsoft's names, and those that follow them, have in common. */
function blockNames(block: string, fc1: string, fc2: string): BlockNames {
  return {
    norm1: `${block}.norm1`,
    norm2: `${block}.norm2`,
    qkv: `${block}.attn.qkv`,
    qBias: `${block}.attn.q_bias`,
    vBias: `${block}.attn.v_bias`,
    projection: [`${block}.attn.proj`],
    fc1: [`${block}.mlp.${fc1}`],
    fc2: [`${block}.mlp.${fc2}`],
    table: [`${block}.attn.relative_position_bias_table`],
    positionMlp: `${block}.attn.cpb_mlp`,
    logitScale: `${block}.attn.logit_scale`,
  };
}

const torchvision: ModelNames = {
  convention: 'torchvision',
  patchProjection: 'features.0.0',
  patchNorm: 'features.0.2',
  norm: 'norm',
  classifier: 'head',
  block: (stage, index) => blockNames(`features.${2 * stage + 1}.${index}`, '0', '3'),
  downsample: (stage) => `features.${2 * stage + 2}`,
};

const microsoft: ModelNames = {
  convention: 'microsoft',
  patchProjection: 'patch_embed.proj',
  patchNorm: 'patch_embed.norm',
  norm: 'norm',
  classifier: 'head',
  block: (stage, index) => blockNames(`layers.${stage}.blocks.${index}`, 'fc1', 'fc2'),
  downsample: (stage) => `layers.${stage}.downsample`,
};

/** Since version 0.9, whose stages begin with their patch merging. */
const timm: ModelNames = {
  ...microsoft,
  convention: 'timm',
  classifier: 'head.fc',
  downsample: (stage) => `layers.${stage + 1}.downsample`,
};
