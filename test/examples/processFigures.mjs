import { readdirSync, readFileSync } from 'node:fs';

/** Of /proc's clock, a second. */
const TICKS = 100;

/** Processor time of a process and its threads, milliseconds. */
export function processorTime(pid) {
  const fields = statOf(pid);
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
}

/**
 * Bytes that a process holds now, those of them that it shares with no file, and the most that it held. The others are pages
 * of its executable, of which a machine has one copy for all processes.
 */
export function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) * 1024;
  return { memory: bytes('VmRSS'), own: bytes('RssAnon'), peak: bytes('VmHWM') };
}

/** Processes called `name` that this one started. */
export function childrenCalled(name) {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name && Number(statOf(pid)[1]) === process.pid;
      } catch {
        // It has ended.
        return false;
      }
    });
}

/** Fields of /proc's stat behind the name, which may hold spaces. */
function statOf(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
