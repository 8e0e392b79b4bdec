import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** postgres' command line: what tutorials write into a Deployment's args. */
let lab: House
const run = (script: string): string => lab.run(script).output
const pod = (name: string, args: string): string => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  containers: [{name: c, image: 'postgres:16-alpine', args: [${args}], env: [{name: POSTGRES_PASSWORD, value: pw}]}]
`
/** The last start's log, without times. */
const log = (name: string): string => run(`kubectl logs ${name}`).replace(/^\d{4}-\S+ \S+ UTC /gm, '')

beforeAll(() => {
  lab = house({ nodes: 2 })
  const all = [
    pod('pg', "-c, log_connections=on, -c, log_disconnections=yes, --log-statement=ddl, -c, max_connections=2, -c, port=5433, -c, shared_buffers=256MB"), pod('own', "-h, localhost"),
    pod('wrong', '-c, foo=on'), pod('many', '-N, lots'), pod('more', '-c, ssl=on'), pod('plain', 'postgres'),
  ]
  run(`cat > all.yaml <<'EOF'\n${all.join('')}EOF\nkubectl apply -f all.yaml; sleep 40; kubectl expose pod pg --port 5433; kubectl expose pod own --port 5432; sleep 5`)
})

describe('postgres -c', () => {
  const remote = (options: string, command: string, password = 'pw'): string => run(`kubectl exec plain -- env PGPASSWORD=${password} psql -U postgres ${options} -c "${command}"`)

  it('listens where it is told, and shows what it was told', () => {
    expect(remote('-h pg -p 5433 -At', 'show shared_buffers')).toBe('256MB\n')
    expect(run('kubectl exec pg -- psql -U postgres -p 5433 -Atc "show log_disconnections"')).toBe('on\n')
    expect(remote('-h own', 'select 1')).toContain('failed: Connection refused')
    expect(run('kubectl exec own -- psql -U postgres -Atc "select 1"')).toBe('1\n')
    expect(log('own')).toContain('[1] LOG:  listening on IPv4 address "127.0.0.1", port 5432\n')
  })

  it('log_connections tells who comes from where, log_disconnections how long they stayed, log_statement what they said', () => {
    remote('-h pg -p 5433', 'create table t (id int)')
    remote('-h pg -p 5433', 'select * from nothing')
    const ip = run("kubectl get pod plain -o jsonpath='{.status.podIP}'")
    const lines = log('pg').split('\n').filter((line) => !line.includes('[1]')).slice(-12)
    const text = lines.join('\n').replace(/port=\d+/g, 'port=N').replace(/\[\d+\]/g, '[N]')
    expect(text).toContain(`[N] LOG:  connection received: host=${ip} port=N
[N] LOG:  connection authenticated: identity="postgres" method=scram-sha-256 (/var/lib/postgresql/data/pg_hba.conf:128)
[N] LOG:  connection authorized: user=postgres database=postgres application_name=psql
[N] LOG:  statement: create table t (id int)
[N] LOG:  disconnection: session time: 0:00:00.0`)
    expect(text).toContain('LOG:  connection authorized: user=postgres database=postgres application_name=psql\n[N] ERROR:  relation "nothing" does not exist at character 15\n[N] STATEMENT:  select * from nothing\n')
  })

  it('max_connections are no more', () => {
    expect(run('kubectl exec plain -- sh -c "for i in 1 2; do (sleep 5 | PGPASSWORD=pw psql -h pg -p 5433 -U postgres) & done; sleep 1; PGPASSWORD=pw psql -h pg -p 5433 -U postgres -c \'select 1\'; wait"')).toContain('failed: FATAL:  sorry, too many clients already\n')
  })

  it('ends with what is wrong, and says what is not simulated', () => {
    expect(log('wrong')).toContain('FATAL:  unrecognized configuration parameter "foo"\n')
    expect(log('wrong')).toContain('stopped waiting\npg_ctl: could not start server\nExamine the log output.\n')
    expect(log('many')).toContain('FATAL:  invalid value for parameter "max_connections": "lots"\n')
    expect(log('more')).toContain('podhop: not simulated: postgres -c ssl=on (listen_addresses, port,')
    expect(run("kubectl get pods more wrong -o jsonpath='{.items[*].status.containerStatuses[0].lastState.terminated.exitCode}'")).toBe('69 1')
  })
})
