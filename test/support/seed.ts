import fc from 'fast-check';

// One seed a run, printed by every failing property; FC_SEED repeats a run, FC_NUM_RUNS lengthens it.
const seed = Number(process.env.FC_SEED ?? Date.now() % 2 ** 31);
const numRuns = Number(process.env.FC_NUM_RUNS ?? 500);
fc.configureGlobal({ seed, numRuns });
console.info(`fast-check seed ${seed}, ${numRuns} runs a property`);
