// For browsers: leaves the results for the driver.
import { resultsOfBrowser } from './browserResults.mjs';

globalThis.results = resultsOfBrowser(new URL(location.href).searchParams);
