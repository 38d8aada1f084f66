import { describe, message } from '../tensor/check.js';
import type { Architecture, StageShape } from './config.js';
import { constant, type Linear, linearLayer, type Norm, norm } from './layerWeights.js';
import type { ModelNames } from './names.js';
import type { Purpose } from './stageWindow.js';
import type { StateDict } from './stateDict.js';

/** What a model is to return: logits, the last stage's tokens, or feature maps of these names. */
export type HeadRequest = 'classifier' | 'model' | { readonly outFeatures: readonly string[] | undefined };

/** A feature map: behind a stage from 1 on, before its patch merging, or 0 for the patch embedding. */
export interface Feature {
  readonly name: string;
  readonly stage: number;
  readonly norm: Norm | undefined;
}

/** What comes behind the stages. */
export interface HeadWeights {
  /** Stages that are needed. */
  readonly stages: number;
  /** Of the last stage's tokens. */
  readonly norm: Norm | undefined;
  readonly classifier: Linear | undefined;
  /** In the order asked for; undefined of what is no backbone. */
  readonly features: readonly Feature[] | undefined;
}

export function purposeOf(request: HeadRequest): Purpose {
  return typeof request === 'string' ? request : 'backbone';
}

/** @throws RangeError naming a tensor that is missing or misshapen, or a feature that the architecture has not. */
export function readHead(
  dict: StateDict,
  names: ModelNames,
  architecture: Architecture,
  request: HeadRequest,
): HeadWeights {
  const { stages, labels, layerNormEps, modelType } = architecture;
  if (typeof request !== 'string') {
    const features = readFeatures(dict, names, architecture, request.outFeatures);
    const last = features.reduce((max, { stage }) => Math.max(max, stage), 0);
    return { stages: last, norm: undefined, classifier: undefined, features };
  }
  const { C } = stages.at(-1) as StageShape;
  return {
    stages: stages.length,
    // Donut's Swin ends with its last stage, and so do backbones without a norm of it.
    norm: modelType === 'donut-swin' || names.norm.length === 0 ? undefined : norm(dict, names.norm, C, layerNormEps),
    classifier: request === 'classifier' ? linearLayer(dict, [names.classifier], [labels.length, C]) : undefined,
    features: undefined,
  };
}

function readFeatures(
  dict: StateDict,
  names: ModelNames,
  architecture: Architecture,
  asked: readonly string[] | undefined,
): Feature[] {
  const { stages, layerNormEps } = architecture;
  const all = ['stem', ...stages.map((_, stage) => `stage${stage + 1}`)];
  const normOf = (stage: number) => names.featureNorm(stage).filter((name) => dict.has(`${name}.weight`));
  const hasNorms = all.some((_, stage) => normOf(stage).length > 0);
  const wanted = asked ?? architecture.outFeatures ?? defaultFeatures(names, architecture, all, normOf);
  if (wanted.length === 0) throw new RangeError(message('outFeatures', 'a feature map or more', describe(wanted)));
  return wanted.map((name, i) => {
    const stage = all.indexOf(name);
    if (stage < 0 || wanted.indexOf(name) < i) {
      const known = all.map((feature) => JSON.stringify(feature)).join(', ');
      throw new RangeError(message('outFeatures', `each of ${known} once at most`, describe(wanted)));
    }
    const C = (stages[Math.max(0, stage - 1)] as StageShape).C;
    const isTransformers = names.convention === 'transformers';
    const eps = isTransformers ? 1e-5 : layerNormEps;
    const own = names.featureNorm(stage);
    if (hasNorms && own.length > 0) return { name, stage, norm: norm(dict, own, C, eps) };
    // Upstream's backbones norm every map; a classifier's checkpoint leaves those norms as a new model has them.
    const isNormed = isTransformers ? architecture.version === 1 : own.length > 0;
    return { name, stage, norm: isNormed ? newNorm(C, eps) : undefined };
  });
}

/** transformers numbers the patch embedding too, and takes the last stage by default; the others count stages from 0. */
function defaultFeatures(
  names: ModelNames,
  { outIndices, stages }: Architecture,
  all: readonly string[],
  normOf: (stage: number) => string[],
): string[] {
  const isTransformers = names.convention === 'transformers';
  if (outIndices) {
    return outIndices.map((index) => {
      const stage = index < 0 ? all.length + index : index + (isTransformers ? 0 : 1);
      return all[stage] ?? `stage${index}`;
    });
  }
  if (isTransformers) return [`stage${stages.length}`];
  const normed = all.filter((_, stage) => normOf(stage).length > 0);
  return normed.length > 0 ? normed : all.slice(1);
}

function newNorm(C: number, eps: number): Norm {
  return { weight: constant(C, 1), bias: constant(C, 0), eps };
}
