import { useEffect, useRef } from 'preact/hooks';
import { FindAnswer } from './find';
import { LookAnswer } from './look';
import { EyesSelector } from './eyes';
import { ask, asked, dismiss, place, type Question } from './route';
import { t } from './text';

function Box({ what }: { what: Question['ask'] }) {
  const words = t[what];
  const input = useRef<HTMLInputElement>(null);
  const current = place.value.question?.ask === what ? place.value.question.text : undefined;
  useEffect(() => {
    if (input.current && current !== undefined) input.current.value = current;
  }, [current]);
  return (
    <form
      role="search"
      aria-label={words.label}
      class="box"
      onSubmit={(event) => {
        event.preventDefault();
        ask(what, input.current?.value ?? '');
      }}
    >
      <label for={`${what}-text`}>{words.label}</label>
      <div class="field">
        <input
          id={`${what}-text`}
          ref={input}
          placeholder={words.placeholder}
          aria-describedby={`${what}-hint`}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          maxLength={4096}
          required
        />
        <button type="submit">{words.submit}</button>
      </div>
      <p class="hint dim" id={`${what}-hint`}>
        {words.hint}
      </p>
    </form>
  );
}

export const Boxes = () => (
  <div class="boxes">
    <Box what="look" />
    <Box what="find" />
    <EyesSelector />
  </div>
);

/** The answer beside (or above) the sightings. Takes the focus when it opens and gives it back when it closes. */
export function AnswerPanel({ open }: { open: Question }) {
  const panel = useRef<HTMLElement>(null);
  const before = useRef(document.activeElement);
  useEffect(() => {
    panel.current?.querySelector<HTMLElement>('.asked')?.focus();
    panel.current?.scrollTo(0, 0);
  }, [open, asked.value]);
  useEffect(() => {
    const escape = (event: KeyboardEvent) => event.key === 'Escape' && dismiss();
    document.addEventListener('keydown', escape);
    return () => {
      document.removeEventListener('keydown', escape);
      if (before.current instanceof HTMLElement && before.current.isConnected) before.current.focus();
    };
  }, []);
  const title = open.ask === 'look' ? t.look.title(open.text) : t.find.title(open.text);
  return (
    <section class="answer" ref={panel} aria-label={title}>
      <button type="button" class="close" onClick={dismiss}>
        {t.close}
      </button>
      {open.ask === 'look' ? (
        <LookAnswer key={open.text} value={open.text} asking={asked.value} />
      ) : (
        <FindAnswer key={`${open.text} ${asked.value}`} query={open.text} asking={asked.value} />
      )}
    </section>
  );
}
