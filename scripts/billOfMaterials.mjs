// npm run sbom -- FILE: what the package carries and depends on, as CycloneDX: npm's own list of the dependencies, and the
// packages whose code the build bundles, which npm takes for tools of development.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** @typedef {{ name: string, [key: string]: unknown }} Component */
/** @typedef {{ metadata: { component: Component }, components: Component[], dependencies: { ref: string }[] }} Bill */

const [, , file] = process.argv;
if (!file) throw new Error('npm run sbom expected a file to write, got none');
const { name } = JSON.parse(readFileSync('package.json', 'utf8'));

// Notices come with the code that the build bundles: "# @jsquash/jpeg/LICENSE".
const headings = readFileSync('build/codecs/LICENSES.md', 'utf8').matchAll(/^# ((?:@[\w.-]+\/)?[\w.-]+)\/\S+$/gm);
const bundled = new Set([...headings].map(([, bundledName]) => /** @type {string} */ (bundledName)));

const bill = billOf('--omit=dev');
const all = billOf().components;
for (const bundledName of bundled) {
  const component = all.find((one) => one.name === bundledName);
  if (!component) throw new Error(`package.json expected to name ${bundledName}, which build/codecs has a notice of`);
  bill.components.push({ ...component, scope: 'required', properties: [] });
  bill.dependencies.push({ ref: String(component['bom-ref']) });
}
// npm takes the folder's name.
bill.metadata.component.name = name;
writeFileSync(file, `${JSON.stringify(bill, null, 2)}\n`);

/** @param {string[]} options @returns {Bill} */
function billOf(...options) {
  const command = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=library', ...options].join(' ');
  return JSON.parse(execFileSync(`npm ${command}`, { shell: true, encoding: 'utf8', maxBuffer: 2 ** 28 }));
}
