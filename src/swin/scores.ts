/** A label and its probability. */
export interface Classification {
  readonly label: string;
  readonly score: number;
}

/**
 * The `topK` likeliest labels, likeliest first; of equal ones the first label's. Labels that exclude each other share a
 * softmax, others have a sigmoid each. Source: transformers, `ImageClassificationPipeline.postprocess`.
 */
export function likeliest(
  logits: Float32Array,
  labels: readonly string[],
  isSingleLabel: boolean,
  topK: number,
): Classification[] {
  const scores = isSingleLabel ? softmax(logits) : Float64Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
  const order = Uint32Array.from(logits, (_, i) => i);
  order.sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
  return Array.from(order.subarray(0, topK), (i) => ({ label: labels[i] as string, score: scores[i] as number }));
}

function softmax(logits: Float32Array): Float64Array {
  const max = logits.reduce((largest, logit) => Math.max(largest, logit), Number.NEGATIVE_INFINITY);
  const exponentials = Float64Array.from(logits, (logit) => Math.exp(logit - max));
  const sum = exponentials.reduce((total, e) => total + e, 0);
  return exponentials.map((e) => e / sum);
}
