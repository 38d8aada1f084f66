/** Upper ends of the latency histogram's buckets, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Series {
  readonly counts: number[];
  sum: number;
}

/**
 * Requests by path and status and their latency, in Prometheus' text format. prom-client, which `@hono/prometheus` needs,
 * asks for modules of Node that Workers have not.
 */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #latencies = new Map<string, Series>();
  inFlight = 0;

  count(path: string, status: number, seconds: number): void {
    const labels = `path="${path}",status="${status}"`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    const series = this.#latencies.get(path) ?? { counts: new Array(BUCKETS.length + 1).fill(0), sum: 0 };
    this.#latencies.set(path, series);
    const bucket = BUCKETS.findIndex((end) => seconds <= end);
    series.counts[bucket < 0 ? BUCKETS.length : bucket]++;
    series.sum += seconds;
  }

  /** `model`: labels of the gauge that says what runs. `gauges`: what the host measures besides, by name. */
  text(model: Readonly<Record<string, string | number>>, gauges: Readonly<Record<string, number>>): string {
    const lines = ['# HELP http_requests_total Requests answered.', '# TYPE http_requests_total counter'];
    for (const [labels, count] of this.#requests) lines.push(`http_requests_total{${labels}} ${count}`);
    lines.push('# HELP http_request_duration_seconds Time from a request to its answer.');
    lines.push('# TYPE http_request_duration_seconds histogram');
    for (const [path, { counts, sum }] of this.#latencies) {
      let total = 0;
      for (const [i, count] of counts.entries()) {
        total += count;
        lines.push(`http_request_duration_seconds_bucket{path="${path}",le="${BUCKETS[i] ?? '+Inf'}"} ${total}`);
      }
      lines.push(`http_request_duration_seconds_sum{path="${path}"} ${sum}`);
      lines.push(`http_request_duration_seconds_count{path="${path}"} ${total}`);
    }
    lines.push(
      '# HELP http_requests_in_flight Requests being read or computed.',
      '# TYPE http_requests_in_flight gauge',
    );
    lines.push(`http_requests_in_flight ${this.inFlight}`);
    const memory = residentMemory();
    const all = { ...(memory > 0 && { process_resident_memory_bytes: memory }), ...gauges };
    for (const [name, value] of Object.entries(all)) lines.push(`# TYPE ${name} gauge`, `${name} ${value}`);
    const labels = Object.entries(model).map(([name, value]) => `${name}=${JSON.stringify(String(value))}`);
    lines.push('# HELP swin_model_info The model that answers.', '# TYPE swin_model_info gauge');
    lines.push(`swin_model_info{${labels.join(',')}} 1`);
    return `${lines.join('\n')}\n`;
  }
}

/** 0 in Workers, which do not tell. */
function residentMemory(): number {
  const { process } = globalThis as { process?: { memoryUsage?: { rss?: () => number } } };
  return process?.memoryUsage?.rss?.() ?? 0;
}
