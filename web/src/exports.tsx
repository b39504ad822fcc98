import { get } from './api';
import { Foreign, useAnswer } from './bits';
import { Answered, Grid, Page, Prose } from './page';
import { t } from './text';
import type { ExportFormat } from './types';

export function ExportsPage() {
  const asked = useAnswer((abort) => get<{ formats: ExportFormat[] }>('exports', {}, abort), []);
  return (
    <Page title={t.exports.title} lead={t.exports.lead}>
      <Answered asked={asked}>
        {({ formats }) => (
          <>
            <Grid
              caption={t.exports.title}
              rows={formats}
              keyOf={(f) => f.name}
              columns={[
                { name: t.exports.format, cell: (f) => <Foreign text={f.name} mono /> },
                { name: t.exports.what, cell: (f) => <Foreign text={f.text} /> },
                { name: t.exports.type, cell: (f) => <Foreign text={f.type} mono /> },
                {
                  name: t.exports.url,
                  cell: (f) => (f.url ? <Foreign text={`${location.origin}${f.url}`} mono /> : <span class="dim"><Prose text={t.exports.folder} /></span>),
                },
              ]}
            />
            <section class="part">
              <h3>{t.exports.example}</h3>
              <pre tabIndex={0}>
                {`curl --cacert tls/cert.pem -H "Authorization: Bearer $KEY" '${location.origin}/api/v1/export/list?kind=ipv4-addr&confidence=60'`}
              </pre>
            </section>
          </>
        )}
      </Answered>
    </Page>
  );
}
