import { D, forward, H, remade, run } from './inputs.js';

const pair = forward('Two faults at once');

/** A kernel that has two faults. */
export const PAIRS = [
  pair(
    'bias_of_next_head + scale_applied_twice',
    "the bias is the next head's, and the scores are scaled twice",
    (inputs) => run(inputs, { bias: remade(inputs.bias, (x, h, i, j) => x((h + 1) % H, i, j)), scale: 1 / D }),
  ),
];
