import { render } from 'preact';
import { App } from './app.js';
import { keepForOffline, registerServiceWorker } from './isolation.js';
import { start } from './playground.js';
import './style.css';

const root = document.getElementById('app');
if (root) render(<App />, root);
if (await registerServiceWorker()) {
  await start();
  keepForOffline();
}
