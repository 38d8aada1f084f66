import { changeSettings, compareAll, progress, settings, support, timings } from '../playground.js';
import type { Settings } from '../protocol.js';
import { Card } from './card.js';
import { error, milliseconds, settingsName, simdName } from './format.js';
import { Scrolled } from './scrolled.js';

/** How the picture is computed, and what each way took. */
export function EngineSwitches() {
  const can = support.value;
  if (!can) return null;
  const { simd, threads, weights } = settings.value;
  const counts = Array.from({ length: can.threads }, (_, n) => n + 1).filter(
    (n) => n <= 4 || n === can.threads || n === 8,
  );
  return (
    <Card title="How it is computed">
      <div class="switches">
        <Switch legend="Kernel" name="simd" values={can.simd} value={simd} labelOf={simdName} />
        <Switch
          legend="Threads"
          name="threads"
          values={counts}
          value={threads}
          labelOf={String}
          isDisabled={simd === 'typescript'}
        />
        {can.weights.length > 1 && (
          <Switch
            legend="Weights"
            name="weights"
            values={can.weights}
            value={weights}
            labelOf={(value) => value}
            isDisabled={simd === 'typescript'}
          />
        )}
      </div>
      {can.threads === 1 && (
        <p class="hint">One thread: this page is not isolated from other origins, or this device has one core.</p>
      )}
      <Timings all={allSettings(can, counts)} />
    </Card>
  );
}

function allSettings(can: NonNullable<typeof support.value>, counts: readonly number[]): Settings[] {
  const most = counts.at(-1) ?? 1;
  return can.simd.flatMap((simd): Settings[] => {
    if (simd === 'typescript') return [{ simd, threads: 1, weights: 'float32' }];
    const threads = most > 1 ? [1, most] : [1];
    return can.weights.flatMap((weights) => threads.map((n) => ({ simd, threads: n, weights })));
  });
}

function Timings({ all }: { readonly all: readonly Settings[] }) {
  const measured = [...timings.value].sort((a, b) => b.milliseconds - a.milliseconds);
  const slowest = measured[0]?.milliseconds ?? 0;
  return (
    <>
      {measured.length > 0 && (
        <Scrolled label="Measured times">
          <table class="timings">
            <caption>One picture, side by side</caption>
            <thead>
              <tr>
                <th scope="col">Way</th>
                <th scope="col">Time</th>
                <th scope="col">
                  <span class="wide">Logit </span>error
                </th>
              </tr>
            </thead>
            <tbody>
              {measured.map(({ settings: own, milliseconds: time, errors }) => (
                <tr key={settingsName(own)}>
                  <th scope="row">{settingsName(own)}</th>
                  <td>
                    <span class="bar" style={{ '--share': time / slowest }} />
                    {milliseconds(time)}
                  </td>
                  <td>{error(errors.logits)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scrolled>
      )}
      <button type="button" disabled={progress.value !== undefined} onClick={() => compareAll(all)}>
        Measure all
      </button>
    </>
  );
}

interface SwitchProps<T extends string | number> {
  readonly legend: string;
  readonly name: keyof Settings;
  readonly values: readonly T[];
  readonly value: T;
  readonly isDisabled?: boolean;
  labelOf(value: T): string;
}

function Switch<T extends string | number>({
  legend,
  name,
  values,
  value,
  isDisabled = false,
  labelOf,
}: SwitchProps<T>) {
  return (
    <fieldset disabled={isDisabled}>
      <legend>{legend}</legend>
      {values.map((own) => (
        <label key={own}>
          <input
            type="radio"
            name={name}
            value={own}
            checked={own === value}
            onChange={() => changeSettings({ [name]: own })}
          />
          <span>{labelOf(own)}</span>
        </label>
      ))}
    </fieldset>
  );
}
