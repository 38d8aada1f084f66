// Mutants of AssemblyScript sources: constants, bounds, offsets, operators, conditions, calls and statements, one change each.
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
