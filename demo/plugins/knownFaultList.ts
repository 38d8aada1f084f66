import type { Plugin } from 'vite';
import { knownFaultsBut } from '../src/worker/faults/known.js';
import { WRITTEN_FAULTS } from '../src/worker/faults/written.js';

const ID = 'virtual:known-faults';

/** A module of all faults that the oracle knows and none here was written for: to find those that show takes seconds. */
export function knownFaultList(): Plugin {
  return {
    name: 'known-fault-list',
    resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
    load(id) {
      if (id !== `\0${ID}`) return undefined;
      const list = knownFaultsBut(WRITTEN_FAULTS.map(({ name }) => name));
      return `export default ${JSON.stringify(list)};`;
    },
  };
}
