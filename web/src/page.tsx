import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Trouble, type Asked } from './bits';
import { t } from './text';

/** A page beside the watch. Takes the focus when it opens, so that a keyboard stands where the reader is. */
export function Page({ title, lead, children }: { title: string; lead: string; children: ComponentChildren }) {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => head.current?.focus(), []);
  return (
    <section class="page" aria-labelledby="page-title">
      <header class="page-head">
        <h2 id="page-title" tabIndex={-1} ref={head}>
          {title}
        </h2>
        <p class="dim">
          <Prose text={lead} />
        </p>
      </header>
      {children}
    </section>
  );
}

/** A sentence of ours in which `code` is set apart. */
export function Prose({ text }: { text: string }) {
  return <>{text.split('`').map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part))}</>;
}

export const Nothing = ({ text }: { text: string }) => (
  <p class="sheet empty dim">
    <Prose text={text} />
  </p>
);

export function Answered<T>({ asked, children }: { asked: Asked<T>; children: (answer: T) => ComponentChildren }) {
  if (asked.state === 'asking') return <p class="dim sheet">{t.loading}</p>;
  if (asked.state === 'problem') return <Trouble problem={asked.problem} />;
  return <>{children(asked.answer)}</>;
}

export interface Column<Row> {
  name: string;
  cell: (row: Row) => ComponentChildren;
  number?: boolean;
}

/** A table that turns into cards where it is narrow. */
export function Grid<Row>({
  caption,
  columns,
  rows,
  keyOf,
  toneOf,
}: {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  keyOf: (row: Row) => string | number;
  toneOf?: (row: Row) => string | undefined;
}) {
  // Roles again: shown as cards, the elements lose the table's own.
  return (
    <div class="sheet gridded">
      <table role="table" class="grid">
        <caption class="sr-only">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th role="columnheader" scope="col" class={column.number ? 'right' : undefined} key={column.name}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr role="row" class={toneOf?.(row)} key={keyOf(row)}>
              {columns.map((column) => (
                <td role="cell" class={column.number ? 'number right' : undefined} data-label={column.name} key={column.name}>
                  <div class="cell">{column.cell(row)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  const known = facts.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return (
    <dl class="facts">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
