// npm run api [-- --write]: compares every public entry's types with the reports in api/, so that a change of what callers
// see is seen in review. --write makes the reports anew.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const ENTRIES = ['index', 'reference', 'oracle', 'swin', 'image', 'safetensors', 'pool'];
const { values: options } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
const root = resolve(import.meta.dirname, '..');
mkdirSync(join(root, 'api'), { recursive: true });

let isChanged = false;
for (const entry of ENTRIES) {
  const types = join(root, 'build', entry === 'index' ? 'index.d.ts' : `${entry}/index.d.ts`);
  const extractorConfig = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: types,
      compiler: { tsconfigFilePath: join(root, 'tsconfig.build.json') },
      apiReport: {
        enabled: true,
        reportFileName: entry,
        reportFolder: join(root, 'api'),
        reportTempFolder: join(root, 'build', 'api'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Warning } },
        // Comments are checked by their readers, and no release tag is used here: all that is exported is public.
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
  });
  const { apiReportChanged, errorCount } = Extractor.invoke(extractorConfig, {
    localBuild: options.write,
    messageCallback(message) {
      message.handled = message.logLevel !== ExtractorLogLevel.Error;
    },
  });
  if (errorCount > 0) process.exitCode = 1;
  if (apiReportChanged) {
    isChanged = true;
    console.error(`api/${entry}.api.md ${options.write ? 'is written anew' : 'is not what the entry exports'}`);
  }
}
if (isChanged && !options.write) {
  console.error('Where the change is meant, "npm run build:js && npm run api -- --write", and commit the reports.');
  process.exitCode = 1;
}
