import { StrictMode, useEffect, useRef, useState } from 'react';
import { createRoot } from 'react-dom/client';

function App() {
  const worker = useRef(null);
  const [progress, setProgress] = useState(0);
  const [text, setText] = useState('Loading…');

  useEffect(() => {
    const own = new Worker(new URL('./classifier.js', import.meta.url), { type: 'module' });
    own.onmessage = ({ data }) => {
      if (data.progress !== undefined) setProgress(data.progress);
      if (data.isReady) setText('Choose a picture.');
      if (data.labels)
        setText(data.labels.map(({ label, score }) => `${label} ${(100 * score).toFixed(1)}%`).join(', '));
      if (data.error) setText(data.error);
    };
    own.onerror = ({ message }) => setText(message);
    worker.current = own;
    return () => own.terminate();
  }, []);

  return (
    <>
      <progress value={progress} aria-label="Loading the model" />
      <input
        type="file"
        accept="image/png,image/jpeg,image/webp"
        aria-label="Picture"
        onChange={({ target }) => worker.current.postMessage(target.files[0])}
      />
      <output>{text}</output>
    </>
  );
}

createRoot(document.getElementById('app')).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
