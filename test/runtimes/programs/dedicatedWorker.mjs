// Posts the results to the page: threads are then workers within a worker.
import { resultsOfBrowser } from './browserResults.mjs';

resultsOfBrowser(new URL(self.location.href).searchParams).then(
  (results) => self.postMessage({ results }),
  (error) => self.postMessage({ error: String(error) }),
);
