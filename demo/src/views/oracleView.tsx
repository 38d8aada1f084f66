import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { faults, listFaults, progress, step } from '../playground.js';
import type { ErrorMap, Judged, Verdicts } from '../protocol.js';
import { Card } from './card.js';
import { error } from './format.js';
import { MatrixView } from './matrixView.js';
import { Scrolled } from './scrolled.js';

/** Of the inputs; with each of them the oracle names every fault that is written here. */
const SEEDS = 4;
const chosen = signal(0);
const group = signal<string | undefined>(undefined);
const seed = signal(1);
const verdicts = signal<readonly Verdicts[]>([]);

export function OracleView() {
  useEffect(() => {
    listFaults();
  }, []);
  return (
    <div class="oracle">
      <div class="columns even">
        <PlantFault />
        <OwnFile />
      </div>
      <div aria-live="polite">
        {verdicts.value.length === 0 ? (
          <p class="empty">The verdict, the error map and the diagnosis come here.</p>
        ) : (
          verdicts.value.map((own) => <Report key={own.title} verdicts={own} />)
        )}
      </div>
    </div>
  );
}

function PlantFault() {
  const plant = async () => {
    const judged = await step('Judging', (playground) => playground.plant(chosen.value, seed.value));
    if (!judged) return;
    verdicts.value = [judged];
    seed.value = 1 + (seed.value % SEEDS);
  };
  const groups = [...new Set(faults.value.map(({ group: own }) => own))];
  const shown = group.value ?? groups[0];
  const chooseGroup = (own: string) => {
    group.value = own;
    chosen.value = faults.value.findIndex(({ group: of }) => of === own);
  };
  return (
    <Card title="Plant a fault">
      <p>
        A kernel gets one of {faults.value.length > 0 ? faults.value.length.toLocaleString('en') : 'many'} faults; the
        oracle, which is not told, finds it in the numbers alone.
      </p>
      <div class="pickers faults">
        <label>
          <span>Group</span>
          <select aria-label="Group" value={shown} onChange={({ currentTarget }) => chooseGroup(currentTarget.value)}>
            {groups.map((own) => (
              <option key={own}>{own}</option>
            ))}
          </select>
        </label>
        <label>
          <span>Fault</span>
          <select
            aria-label="Fault"
            value={chosen.value}
            onChange={({ currentTarget }) => {
              chosen.value = Number(currentTarget.value);
            }}
          >
            {faults.value.map(({ name, text, group: own }, n) =>
              own === shown ? (
                <option key={`${name} ${text}`} value={n} data-name={name}>
                  {text}
                </option>
              ) : null,
            )}
          </select>
        </label>
      </div>
      <button
        type="button"
        class="main"
        disabled={progress.value !== undefined || faults.value.length === 0}
        onClick={plant}
      >
        Plant and judge
      </button>
    </Card>
  );
}

function OwnFile() {
  const read = async (file: File | undefined) => {
    if (!file) return;
    const judged = await step(`Judging ${file.name}`, async (playground) =>
      playground.judgeFile(file.name, new Uint8Array(await file.arrayBuffer())),
    );
    if (judged) verdicts.value = judged;
  };
  const drop = (event: DragEvent) => {
    // Not a picture for the first tab.
    event.preventDefault();
    event.stopPropagation();
    read(event.dataTransfer?.files[0]);
  };
  return (
    <Card title="Judge your own kernel">
      <p>
        A file with q, k, v (or qkv), what else the kernel took, and what it returned: o, lse, dQ and so on. It is read
        here and sent nowhere.
      </p>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button in it does the same */}
      <div class="source" onDragOver={(event) => event.preventDefault()} onDrop={drop}>
        <label class="button">
          Choose a file
          <input
            type="file"
            accept=".npz,.safetensors"
            onChange={({ currentTarget }) => {
              read(currentTarget.files?.[0]);
              currentTarget.value = '';
            }}
          />
        </label>
        <span class="hint">.npz or .safetensors, or drop it here</span>
      </div>
    </Card>
  );
}

function Report({ verdicts: { title, planted, pass, tensors, maps } }: { readonly verdicts: Verdicts }) {
  return (
    <div class="card">
      <h2>
        <span class="verdict" data-pass={pass ? 'yes' : 'no'}>
          {pass ? 'Pass' : 'Fail'}
        </span>{' '}
        {title}
      </h2>
      {planted && (
        <p class="hint">
          Planted: <code data-testid="planted">{planted}</code>
        </p>
      )}
      <Scrolled label="Verdicts">
        <table>
          <thead>
            <tr>
              <th scope="col">Tensor</th>
              <th scope="col">Verdict</th>
              <th scope="col">Largest error</th>
              <th scope="col">Allowed</th>
              <th scope="col">At</th>
            </tr>
          </thead>
          <tbody>
            {tensors.map((tensor) => (
              <tr key={tensor.name}>
                <th scope="row">{tensor.name}</th>
                <td data-pass={tensor.pass ? 'yes' : 'no'}>{tensor.pass ? 'right' : 'wrong'}</td>
                <td>{error(tensor.maxAbsError)}</td>
                <td>{error(tensor.tolerance)}</td>
                <td>{tensor.worstIndex}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolled>
      {tensors.map((tensor) => (
        <Findings key={tensor.name} tensor={tensor} />
      ))}
      {maps.length > 0 && <Scale />}
      <div class="maps">
        {maps.map((map) => (
          <ErrorPicture key={map.title} map={map} />
        ))}
      </div>
    </div>
  );
}

function Findings({ tensor: { name, findings } }: { readonly tensor: Judged }) {
  if (findings.length === 0) return null;
  return (
    <div class="findings">
      <h3>Why {name} is wrong</h3>
      <ol>
        {findings.map((finding, n) => (
          <li key={finding.name} data-testid={n === 0 ? 'diagnosis' : undefined}>
            <code>{finding.name}</code>: {finding.explanation}
            <small>leaves {error(finding.residual)} of the output unexplained</small>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** Beyond so many decades over the tolerance, colours get no darker. */
const DECADES_BEYOND = 7;

/** Blue within the tolerance, the darker the nearer; from orange to dark red beyond it. */
function colourOf(value: number): string {
  if (!(value <= 1)) {
    const excess = Math.min(1, Math.log10(value) / DECADES_BEYOND);
    return `hsl(${30 - 30 * excess} 85% ${62 - 38 * excess}%)`;
  }
  const nearness = value === 0 ? 0 : Math.max(0, 1 + Math.log10(value) / 4);
  return `hsl(210 70% ${97 - 45 * nearness}%)`;
}

/** Errors over the tolerance whose colours the scale shows. */
const SCALE = [0, 1e-3, 1e-2, 1e-1, 1, 1e1, 1e3, 1e5, 1e7];

function Scale() {
  return (
    <p class="scale">
      <span>no error</span>
      <span class="steps" aria-hidden="true">
        {SCALE.map((value) => (
          <i key={value} style={{ background: colourOf(value) }} />
        ))}
      </span>
      <span>10⁷ × what is allowed; red begins beyond it</span>
    </p>
  );
}

function ErrorPicture({ map }: { readonly map: ErrorMap }) {
  return (
    <MatrixView
      cellSize={1.25}
      label={map.title}
      rows={map.rows}
      columns={map.columns}
      cells={map.cells}
      down={map.down}
      across={map.across}
      colour={colourOf}
      show={(value) => `${value.toPrecision(2)} × the tolerance`}
    />
  );
}
