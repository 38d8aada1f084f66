import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { choosePicture, chooseSample, SAMPLES } from '../playground.js';
import { Card } from './card.js';

const label = (file: File) => file.name || 'A pasted picture';

/** Takes a picture: dropped anywhere, pasted, chosen, photographed, or a sample. */
export function PictureSource() {
  const isOver = useSignal(false);
  useEffect(() => {
    const imageOf = (files: FileList | undefined) => [...(files ?? [])].find(({ type }) => type.startsWith('image/'));
    const over = (event: DragEvent) => {
      event.preventDefault();
      isOver.value = true;
    };
    const leave = (event: DragEvent) => {
      if (!event.relatedTarget) isOver.value = false;
    };
    const drop = (event: DragEvent) => {
      event.preventDefault();
      isOver.value = false;
      const file = event.dataTransfer?.files[0];
      if (file) choosePicture(file, label(file));
    };
    const paste = (event: ClipboardEvent) => {
      const file = imageOf(event.clipboardData?.files);
      if (file) choosePicture(file, label(file));
    };
    addEventListener('dragover', over);
    addEventListener('dragleave', leave);
    addEventListener('drop', drop);
    addEventListener('paste', paste);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('dragleave', leave);
      removeEventListener('drop', drop);
      removeEventListener('paste', paste);
    };
  }, []);
  const choose = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    const file = input.files?.[0];
    if (file) choosePicture(file, label(file));
    // The same file may be chosen again.
    input.value = '';
  };
  return (
    <Card title="Picture">
      <div class="source" data-over={isOver.value ? 'yes' : 'no'}>
        <label class="button">
          Choose
          <input type="file" accept="image/*" onChange={choose} />
        </label>
        <label class="button">
          Photograph
          <input type="file" accept="image/*" capture="environment" onChange={choose} />
        </label>
        <span class="hint">or drop or paste one anywhere</span>
      </div>
      <div class="samples">
        {SAMPLES.map((sample) => (
          <button key={sample.file} type="button" aria-label={sample.label} onClick={() => chooseSample(sample)}>
            <img src={`samples/${sample.file}`} alt="" width="72" height="72" />
          </button>
        ))}
      </div>
    </Card>
  );
}
