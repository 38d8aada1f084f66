import type { ComponentChildren } from 'preact';
import { block, blockIndex, blocks, head, showBlock } from '../playground.js';

/** Chooses a block of the model and one of its heads, beside what else is to be chosen. */
export function BlockPicker({ children }: { readonly children?: ComponentChildren }) {
  const current = block.value;
  if (!current) return null;
  return (
    <div class="pickers">
      <label>
        Block
        <select
          value={blockIndex.value}
          onChange={({ currentTarget }) => showBlock(Number(currentTarget.value), head.value)}
        >
          {blocks.value.map(({ name }, at) => (
            <option key={name} value={at}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Head
        <select
          value={head.value}
          onChange={({ currentTarget }) => showBlock(blockIndex.value, Number(currentTarget.value))}
        >
          {Array.from({ length: current.heads }, (_, h) => h).map((h) => (
            <option key={h} value={h}>
              {h + 1} of {current.heads}
            </option>
          ))}
        </select>
      </label>
      {children}
    </div>
  );
}
