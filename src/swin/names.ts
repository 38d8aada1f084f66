import type { StateDict } from './stateDict.js';

/**
 * Whose names a state dict follows, and whose rules: `detection` is Microsoft's backbone for detection and segmentation,
 * as in BiRefNet and GroundingDINO, `openmmlab` that of MMDetection, MMSegmentation and MMPretrain.
 */
export type Convention = 'transformers' | 'torchvision' | 'timm' | 'microsoft' | 'detection' | 'openmmlab';

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

/** Where a convention keeps the tensors of a model; whole names, prefix included. */
export interface ModelNames {
  readonly convention: Convention;
  readonly patchProjection: string;
  readonly patchNorm: string;
  readonly positionEmbeddings: string;
  /** The norm behind the last stage, the first of these that is there; without any, the model has none. */
  readonly norm: readonly string[];
  readonly classifier: string;
  block(stage: number, index: number): BlockNames;
  /** Prefix of a stage's blocks. */
  blocks(stage: number): string;
  /** Prefix of the patch merging behind a stage. */
  downsample(stage: number): string;
  /** The norm of a backbone's feature map behind a stage from 1 on, 0 for the patch embedding; none of some upstreams. */
  featureNorm(stage: number): readonly string[];
}

/** A convention's tensor that no other has, a name that tells a Swin from other transformers, and its names under a prefix. */
interface Candidate {
  readonly anchor: string;
  readonly sign: RegExp;
  names(prefix: string, dict: StateDict): ModelNames;
}

const CANDIDATES: readonly Candidate[] = [
  {
    anchor: 'embeddings.patch_embeddings.projection.weight',
    sign: /^encoder\.layers\.0\.blocks\.0\./,
    names: transformers,
  },
  { anchor: 'features.0.0.weight', sign: /^features\.1\.0\.attn\./, names: torchvision },
  { anchor: 'patch_embed.proj.weight', sign: /^layers[._]0\.blocks\.0\./, names: microsoftFamily },
  { anchor: 'patch_embed.projection.weight', sign: /^stages\.0\.blocks\.0\.attn\.w_msa\./, names: openMmLab },
];

/**
 * The names of the Swin in a state dict, under whatever prefix: `module.`, `_orig_mod.`, `model.`, `backbone.`, ….
 * @throws RangeError listing names of a dict that holds none, and prefixes of one that holds several.
 */
export function namesOf(dict: StateDict): ModelNames {
  const found = CANDIDATES.flatMap((candidate) =>
    dict.names
      .filter((name) => name === candidate.anchor || name.endsWith(`.${candidate.anchor}`))
      .map((name) => ({ candidate, prefix: name.slice(0, -candidate.anchor.length) }))
      .filter(({ prefix }) =>
        dict.names.some((name) => name.startsWith(prefix) && candidate.sign.test(name.slice(prefix.length))),
      ),
  );
  const [first] = found;
  if (found.length > 1) {
    const prefixes = found.map(({ prefix }) => JSON.stringify(prefix)).join(', ');
    throw new RangeError(`tensors expected: one Swin, got ${found.length}, under the prefixes ${prefixes}`);
  }
  if (!first) {
    const anchors = CANDIDATES.map(({ anchor }) => JSON.stringify(anchor)).join(', ');
    const shown = dict.names.slice(0, 8).map((name) => JSON.stringify(name.slice(0, 100)));
    const rest = dict.names.length - shown.length;
    throw new RangeError(
      `tensors expected: a Swin by the names of transformers, torchvision, timm, Microsoft or OpenMMLab (${anchors}), ` +
        `got ${shown.length > 0 ? shown.join(', ') : 'none'}${rest > 0 ? ` and ${rest} more` : ''}`,
    );
  }
  return first.candidate.names(first.prefix, dict);
}

/** Names before and since version 5. What surrounds the Swin itself lies beside its own prefix. */
function transformers(prefix: string): ModelNames {
  const outer = prefix.replace(/(^|\.)(swin|swinv2|donut)\.$/, '$1');
  // MaskFormer's backbone calls its Swin `model`, as DETR and its kin call the whole backbone.
  const norms = [...new Set([outer, prefix.replace(/(^|\.)model\.$/, '$1')])].map((p) => `${p}hidden_states_norms`);
  return {
    convention: 'transformers',
    patchProjection: `${prefix}embeddings.patch_embeddings.projection`,
    patchNorm: `${prefix}embeddings.norm`,
    positionEmbeddings: `${prefix}embeddings.position_embeddings`,
    norm: [`${prefix}layernorm`],
    classifier: `${outer}classifier`,
    block(stage, index) {
      const block = `${prefix}encoder.layers.${stage}.blocks.${index}`;
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
    blocks: (stage) => `${prefix}encoder.layers.${stage}.blocks.`,
    downsample: (stage) => `${prefix}encoder.layers.${stage}.downsample`,
    // SwinBackbone names them by stage, MaskFormer's backbone numbers them.
    featureNorm: (stage) =>
      stage === 0
        ? norms.map((name) => `${name}.stem`)
        : norms.flatMap((name) => [`${name}.stage${stage}`, `${name}.${stage - 1}`]),
  };
}

/** What Microsoft's names, and those that follow them, have in common. */
function blockNames(block: string, attention: string, fc1: string, fc2: string): BlockNames {
  return {
    norm1: `${block}.norm1`,
    norm2: `${block}.norm2`,
    qkv: `${attention}.qkv`,
    qBias: `${attention}.q_bias`,
    vBias: `${attention}.v_bias`,
    projection: [`${attention}.proj`],
    fc1: [`${block}.${fc1}`],
    fc2: [`${block}.${fc2}`],
    table: [`${attention}.relative_position_bias_table`],
    positionMlp: `${attention}.cpb_mlp`,
    logitScale: `${attention}.logit_scale`,
  };
}

function torchvision(prefix: string): ModelNames {
  return {
    convention: 'torchvision',
    patchProjection: `${prefix}features.0.0`,
    patchNorm: `${prefix}features.0.2`,
    positionEmbeddings: '',
    norm: [`${prefix}norm`],
    classifier: `${prefix}head`,
    block(stage, index) {
      const block = `${prefix}features.${2 * stage + 1}.${index}`;
      return blockNames(block, `${block}.attn`, 'mlp.0', 'mlp.3');
    },
    blocks: (stage) => `${prefix}features.${2 * stage + 1}.`,
    downsample: (stage) => `${prefix}features.${2 * stage + 2}`,
    featureNorm: () => [],
  };
}

/**
 * Microsoft's names, which timm before 0.9 has, too; timm's since then, whose stages begin with their patch merging, and
 * whose `features_only` flattens the stages' names; and those of backbones for detection, with a norm a feature map.
 */
function microsoftFamily(prefix: string, dict: StateDict): ModelNames {
  const own = (name: string) => dict.has(`${prefix}${name}`);
  const separator = dict.names.some((name) => name.startsWith(`${prefix}layers_0.`)) ? '_' : '.';
  const stage = (index: number) => `${prefix}layers${separator}${index}`;
  const hasFeatureNorms = dict.names.some(
    (name) => name.startsWith(prefix) && /^norm\d+\.weight$/.test(name.slice(prefix.length)),
  );
  const isMicrosoft = own('head.weight') || own('layers.0.downsample.reduction.weight');
  const convention = hasFeatureNorms ? 'detection' : isMicrosoft ? 'microsoft' : 'timm';
  return {
    convention,
    patchProjection: `${prefix}patch_embed.proj`,
    patchNorm: `${prefix}patch_embed.norm`,
    positionEmbeddings: `${prefix}absolute_pos_embed`,
    norm: convention === 'detection' || separator === '_' ? lastNorm(prefix, dict) : [`${prefix}norm`],
    classifier: `${prefix}${convention === 'timm' ? 'head.fc' : 'head'}`,
    block(index, number) {
      const block = `${stage(index)}.blocks.${number}`;
      return blockNames(block, `${block}.attn`, 'mlp.fc1', 'mlp.fc2');
    },
    blocks: (index) => `${stage(index)}.blocks.`,
    downsample: (index) => `${stage(convention === 'timm' ? index + 1 : index)}.downsample`,
    featureNorm: (index) => (convention === 'timm' || index === 0 ? [] : [`${prefix}norm${index - 1}`]),
  };
}

/** Source: MMDetection, `mmdet/models/backbones/swin.py`; MMPretrain, whose head lies beside its backbone. */
function openMmLab(prefix: string, dict: StateDict): ModelNames {
  return {
    convention: 'openmmlab',
    patchProjection: `${prefix}patch_embed.projection`,
    patchNorm: `${prefix}patch_embed.norm`,
    positionEmbeddings: `${prefix}absolute_pos_embed`,
    norm: lastNorm(prefix, dict),
    classifier: `${prefix.replace(/(^|\.)backbone\.$/, '$1')}head.fc`,
    block(stage, index) {
      const block = `${prefix}stages.${stage}.blocks.${index}`;
      return blockNames(block, `${block}.attn.w_msa`, 'ffn.layers.0.0', 'ffn.layers.1');
    },
    blocks: (stage) => `${prefix}stages.${stage}.blocks.`,
    downsample: (stage) => `${prefix}stages.${stage}.downsample`,
    featureNorm: (stage) => (stage === 0 ? [] : [`${prefix}norm${stage - 1}`]),
  };
}

/** The norm of the last stage, where a dict has one for each, or one in all; none of timm's `features_only`. */
function lastNorm(prefix: string, dict: StateDict): string[] {
  const stages = dict.names
    .filter((name) => name.startsWith(prefix))
    .map((name) => {
      return Number(/^(?:layers|stages)[._](\d+)\./.exec(name.slice(prefix.length))?.[1] ?? -1);
    });
  const last = stages.reduce((max, stage) => Math.max(max, stage), 0);
  return [`${prefix}norm${last}`, `${prefix}norm`].filter((name) => dict.has(`${name}.weight`));
}
