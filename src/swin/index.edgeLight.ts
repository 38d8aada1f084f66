import { createWindowAttention } from '../attention/createWindowAttention.edgeLight.js';
import { SwinForImageClassification as Swin } from './swinForImageClassification.js';

export type * from './index.js';

export class SwinForImageClassification extends Swin {
  protected static override createAttention = createWindowAttention;
}
