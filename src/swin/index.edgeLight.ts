import { createWindowAttention } from '../attention/createWindowAttention.edgeLight.js';
import { SwinBackbone as Backbone } from './swinBackbone.js';
import { SwinForImageClassification as Classifier } from './swinForImageClassification.js';
import { SwinModel as Model } from './swinModel.js';

export { resizeRelativePositionBias } from '../reference/resizeRelativePositionBias.js';
export type * from './index.js';

export class SwinForImageClassification extends Classifier {
  protected static override createAttention = createWindowAttention;
}

export class SwinModel extends Model {
  protected static override createAttention = createWindowAttention;
}

export class SwinBackbone extends Backbone {
  protected static override createAttention = createWindowAttention;
}
