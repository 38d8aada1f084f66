import { block, classified, errors, picture, type Selection, select, selection } from '../playground.js';
import type { Block } from '../protocol.js';
import { BlockPicker } from './blockPicker.js';
import { Card } from './card.js';
import { EngineSwitches } from './engineSwitches.js';
import { error, milliseconds, percent, probability } from './format.js';
import { PictureSource } from './pictureSource.js';
import { Scrolled } from './scrolled.js';
import { WindowsOverlay } from './windowsOverlay.js';

export function PictureView() {
  return (
    <div class="columns">
      <div>
        <Seen />
        <RowText />
        <Spoken />
      </div>
      <div>
        <PictureSource />
        <Result />
        <EngineSwitches />
      </div>
    </div>
  );
}

/** The picture under its windows. */
function Seen() {
  const [shown, current] = [picture.value, block.value];
  return (
    <div class="card">
      <BlockPicker />
      <div class="picture" data-dimmed={selection.value ? 'yes' : 'no'}>
        {shown ? <img src={shown.url} alt={shown.label} /> : <span class="empty">The picture comes here.</span>}
        {shown && current && <WindowsOverlay block={current} selection={selection.value} onSelect={select} />}
      </div>
    </div>
  );
}

const placeIn = (current: Block) => (token: number) =>
  `row ${Math.floor(token / current.width)}, column ${token % current.width}`;

function whereItLooks(current: Block, { token, row }: Selection): string {
  const tokens = current.tokensOf[row.window] ?? [];
  const parted = tokens.filter((own) => current.pieceOf[own] !== current.pieceOf[token]).length;
  const most = row.row.indexOf(Math.max(...row.row));
  const looks = `looks most at ${placeIn(current)(tokens[most] as number)}, with ${percent(row.row[most] as number)} of its attention.`;
  return parted > 0
    ? `${looks} The shift mask hides ${parted} of its window's ${tokens.length} tokens (hatched).`
    : looks;
}

/** Says where a token looks as soon as it is chosen: a place that was there before is read aloud. */
function Spoken() {
  const [chosen, current] = [selection.value, block.value];
  return (
    <p class="unseen" role="status" data-testid="spoken">
      {chosen && current && `The token in ${placeIn(current)(chosen.token)} ${whereItLooks(current, chosen)}`}
    </p>
  );
}

/** The selected row in words and numbers, for readers too who see no picture. */
function RowText() {
  const [chosen, current] = [selection.value, block.value];
  if (!current) return null;
  if (!chosen) {
    const isShifted = current.shiftSize.some((shift) => shift > 0);
    return (
      <p class="hint">
        {isShifted
          ? 'The windows of this block are shifted. Those that the shift cut up have a colour each: their pieces wrap around the picture, and the mask keeps them apart. '
          : 'The windows of this block are not shifted. '}
        Click a token, or walk to it with the arrow keys, to see where it looks.
      </p>
    );
  }
  const { token, row } = chosen;
  const tokens = current.tokensOf[row.window] ?? [];
  const place = placeIn(current);
  return (
    <Card title={`The token in ${place(token)}`}>
      <p>{whereItLooks(current, chosen)}</p>
      <dl class="figures">
        <dt>Sum of the row</dt>
        <dd data-testid="row-sum">{row.sum.toFixed(7)}</dd>
        <dt>Largest difference from the float64 reference</dt>
        <dd data-testid="row-difference">{error(row.largestDifference)}</dd>
      </dl>
      <details>
        <summary>All {tokens.length} numbers</summary>
        <Scrolled label="All numbers of the row">
          <table>
            <thead>
              <tr>
                <th scope="col">Token</th>
                <th scope="col">Kernel</th>
                <th scope="col">Reference</th>
              </tr>
            </thead>
            <tbody>
              {tokens.map((own, j) => (
                <tr key={own}>
                  <th scope="row">{place(own)}</th>
                  <td>{probability(row.row[j] as number)}</td>
                  <td>{probability(row.reference[j] as number)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scrolled>
      </details>
    </Card>
  );
}

function Result() {
  const [result, checked] = [classified.value, errors.value];
  return (
    <Card title="What the model sees">
      <ol class="classes" aria-live="polite">
        {(result?.classes ?? []).map(({ label, score }) => (
          <li key={label}>
            <span>{label}</span>
            <span class="bar" style={{ '--share': score }} />
            <span>{percent(score)}</span>
          </li>
        ))}
      </ol>
      {!result && <p class="empty">The five likeliest of ten classes come here.</p>}
      <dl class="figures">
        <dt>Time of one picture</dt>
        <dd data-testid="time">{result ? milliseconds(result.milliseconds) : '…'}</dd>
        <dt>Largest error of the attention against float64</dt>
        <dd data-testid="attention-error">{checked ? error(checked.attention) : '…'}</dd>
        <dt>Largest error of a logit</dt>
        <dd data-testid="logit-error">{checked ? error(checked.logits) : '…'}</dd>
      </dl>
    </Card>
  );
}
