// Mutants of TypeScript and AssemblyScript: constants, bounds, offsets, operators, conditions, calls and statements, one
// change each.
import ts from 'typescript';

/**
 * @typedef {object} Mutant
 * @property {string} file
 * @property {number} start
 * @property {number} end
 * @property {string} text What stands there instead.
 * @property {string} kind
 */

const OPERATORS = /** @type {Record<string, string[]>} */ ({
  '+': ['-'],
  '-': ['+'],
  '*': ['+'],
  '/': ['*'],
  '%': ['*'],
  '<<': ['>>'],
  '>>': ['<<'],
  '&': ['|'],
  '|': ['&'],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '==': ['!='],
  '!=': ['=='],
  '===': ['!=='],
  '!==': ['==='],
  '**': ['*'],
  '&&': ['||'],
  '||': ['&&'],
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['+='],
  '<<=': ['>>='],
  '>>=': ['<<='],
});
const CALLS = /** @type {Record<string, string>} */ ({
  add: 'sub',
  sub: 'add',
  mul: 'add',
  div: 'mul',
  min: 'max',
  max: 'min',
  pmin: 'pmax',
  pmax: 'pmin',
  and: 'or',
  or: 'and',
  andnot: 'and',
  eq: 'ne',
  le_s: 'lt_s',
  shl: 'shr_u',
  abs: 'neg',
  sqrt: 'abs',
  nearest: 'floor',
});

/** @param {string} file @param {string} source @returns {Mutant[]} */
export function mutantsOf(file, source) {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  /** @type {Mutant[]} */
  const mutants = [];
  /** @param {ts.Node} node @param {string} text @param {string} kind */
  const add = (node, text, kind) => mutants.push({ file, start: node.getStart(), end: node.getEnd(), text, kind });
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || ts.isTypeNode(node) || ts.isDecorator(node))
      return;
    if (ts.isNumericLiteral(node)) for (const text of otherNumbers(node.getText())) add(node, text, 'constant');
    if (ts.isBinaryExpression(node)) {
      for (const text of OPERATORS[node.operatorToken.getText()] ?? []) add(node.operatorToken, text, 'operator');
    }
    if (ts.isConditionalExpression(node)) {
      add(
        node,
        `(${node.condition.getText()}) ? (${node.whenFalse.getText()}) : (${node.whenTrue.getText()})`,
        'condition',
      );
    }
    if (ts.isIfStatement(node)) add(node.expression, `!(${node.expression.getText()})`, 'condition');
    if (ts.isCallExpression(node)) {
      const name = ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression;
      const other = Object.hasOwn(CALLS, name.getText()) ? CALLS[name.getText()] : undefined;
      if (other) add(name, other, 'call');
    }
    if (ts.isExpressionStatement(node)) add(node, ';', 'statement');
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return mutants;
}

/** @param {string} text */
function otherNumbers(text) {
  const value = Number(text);
  // Of a float, as little as its tests can be expected to see: a part in a thousand.
  if (/[.e]/.test(text) && !text.startsWith('0x')) return [String(value * (1 + 2 ** -10))];
  return value > 0 ? [String(value + 1), String(value - 1)] : [String(value + 1)];
}

/** Where a mutant is and what it changes. @param {Mutant} mutant @param {string} source Of its file. */
export function placeOf({ file, start, end, text, kind }, source) {
  const before = source.slice(0, start).split('\n');
  const whole = source.split('\n')[before.length - 1]?.trim();
  const was = source.slice(start, end).replaceAll(/\s+/g, ' ');
  return `${file}:${before.length} ${kind} ${was} → ${text}   in: ${whole}`;
}

/**
 * So many mutants; a file's chance grows with the root of its number of mutants, or the unrolled tiles would be all.
 * @param {Mutant[][]} files
 * @param {number} count
 * @param {number} seed
 */
export function drawn(files, count, seed) {
  let state = seed | 0;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const left = files.map((mutants) => ({ weight: Math.sqrt(mutants.length), mutants: [...mutants] }));
  const chosen = [];
  while (chosen.length < count && left.some(({ mutants }) => mutants.length > 0)) {
    const open = left.filter(({ mutants }) => mutants.length > 0);
    let at = random() * open.reduce((sum, { weight }) => sum + weight, 0);
    const file = open.find(({ weight }) => {
      at -= weight;
      return at < 0;
    });
    const [mutant] = file?.mutants.splice(Math.floor(random() * file.mutants.length), 1) ?? [];
    if (mutant) chosen.push(mutant);
  }
  return chosen;
}
