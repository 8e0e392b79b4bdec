import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** What database images do when their data directory is empty: their variables, and /docker-entrypoint-initdb.d. */
let lab: House
const run = (script: string): string => lab.run(script).output

const pod = (name: string, image: string, env: Record<string, string>, files: string, more = ''): string => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  volumes: [{name: files, configMap: {name: ${files}}}]
  containers: [{name: db, image: '${image}', ${more}env: ${JSON.stringify(Object.entries(env).map(([n, value]) => ({ name: n, value })))}, volumeMounts: [{name: files, mountPath: /docker-entrypoint-initdb.d}]}]
`
const MANIFEST = `apiVersion: v1
kind: ConfigMap
metadata: {name: good}
data:
  1.sql: |
    -- the shop
    CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(20));
    INSERT INTO items VALUES (1, 'tea'), (2, 'coffee');
    SELECT * FROM items;
  notes.txt: hello
---
apiVersion: v1
kind: ConfigMap
metadata: {name: bad}
data: {1.sql: "CREATE TABLE t (id INT);\\n\\nINSERT INTO nothing\\n  VALUES (1);\\n"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shell}
data: {1.sh: "echo hello\\n"}
${pod('my', 'mysql:8.0', { MYSQL_ROOT_PASSWORD: 'pw', MYSQL_DATABASE: 'app', MYSQL_USER: 'me', MYSQL_PASSWORD: 'mine' }, 'good')}
${pod('old', 'mysql:5.7', { MYSQL_RANDOM_ROOT_PASSWORD: 'yes' }, 'shell', 'command: [docker-entrypoint.sh], args: [--port=3307, --skip-log-bin], ')}
${pod('maria', 'mariadb:11', { MARIADB_ROOT_PASSWORD: 'pw', MARIADB_DATABASE: 'app' }, 'good')}
${pod('pg', 'postgres:16-alpine', { POSTGRES_PASSWORD: 'pw', POSTGRES_DB: 'app' }, 'good')}
${pod('mybad', 'mysql:8.0', { MYSQL_ROOT_PASSWORD: 'pw', MYSQL_DATABASE: 'app' }, 'bad')}
${pod('pgbad', 'postgres:16', { POSTGRES_PASSWORD: 'pw' }, 'bad')}
`

beforeAll(() => {
  lab = house({ nodes: 2 })
  run(`cat > db.yaml <<'EOF'\n${MANIFEST}EOF\nkubectl apply -f db.yaml; kubectl run plain --image=mysql:5.7 --env=MYSQL_RANDOM_ROOT_PASSWORD=1 -- --port=3307 --skip-log-bin; sleep 60`)
})

describe('the files of /docker-entrypoint-initdb.d', () => {
  const exec = (name: string, command: string): string => run(`kubectl exec ${name} -- ${command} 2> /dev/null`)

  it('are run in the database that the variables name, with what they print', () => {
    const log = run('kubectl logs my').replace(/^\S+ \S+ /gm, '')
    expect(log).toContain(`[Entrypoint]: Creating database app
[Note] [Entrypoint]: Creating user me
[Note] [Entrypoint]: Giving user me access to schema app

[Note] [Entrypoint]: /usr/local/bin/docker-entrypoint.sh: running /docker-entrypoint-initdb.d/1.sql
id	name
1	tea
2	coffee


[Warn] [Entrypoint]: /usr/local/bin/docker-entrypoint.sh: ignoring /docker-entrypoint-initdb.d/notes.txt

[Note] [Entrypoint]: Stopping temporary server
`)
    expect(exec('my', "mysql -ume -pmine app -Nse 'select name from items'")).toBe('tea\ncoffee\n')
    expect(exec('maria', "mariadb -uroot -ppw app -Nse 'select name from items'")).toBe('tea\ncoffee\n')
    expect(run('kubectl logs maria')).toContain('[Entrypoint]: Securing system users (equivalent to running mysql_secure_installation)\n\n')
    expect(run('kubectl logs pg')).toContain(`server started
CREATE DATABASE


/usr/local/bin/docker-entrypoint.sh: running /docker-entrypoint-initdb.d/1.sql
CREATE TABLE
INSERT 0 2
 id |  name${'  '}
----+--------
  1 | tea
  2 | coffee
(2 rows)



/usr/local/bin/docker-entrypoint.sh: ignoring /docker-entrypoint-initdb.d/notes.txt

waiting for server to shut down....`)
    expect(exec('pg', "psql -U postgres app -Atc 'select name from items'")).toBe('tea\ncoffee\n')
  })

  it('end the container where one is wrong, with the line', () => {
    const last = (name: string): string => run(`kubectl logs ${name} --previous`).trimEnd().split('\n').at(-1)!
    expect(last('mybad')).toBe("ERROR 1146 (42S02) at line 3: Table 'app.nothing' doesn't exist")
    expect(last('pgbad')).toBe('psql:/docker-entrypoint-initdb.d/1.sql:4: ERROR:  relation "nothing" does not exist')
    const codes = run("kubectl get pods mybad pgbad -o jsonpath='{.items[*].status.containerStatuses[0].lastState.terminated.exitCode}'")
    expect(codes).toBe('1 3')
  })

  it('shell scripts are not simulated, and that is said', () => {
    expect(run('kubectl logs old --previous')).toContain('podhop: not simulated: /docker-entrypoint-initdb.d/1.sh at the first start (write it as .sql)\n')
  })
})

describe('MySQL 5.7', () => {
  it('logs as it did, makes up a password, and takes options', () => {
    const log = run('kubectl logs plain')
    const password = /GENERATED ROOT PASSWORD: (\S+)/.exec(log)![1]!
    expect(run(`kubectl exec plain -- mysql -h127.0.0.1 -P3307 -uroot -p${password} -Nse 'select 7' 2> /dev/null`)).toBe('7\n')
    expect(log).toContain('podhop: not simulated: mysqld --skip-log-bin (it is as if it were not there)\n')
    expect(log).toContain(" 0 [Note] Server hostname (bind-address): '*'; port: 3307\n")
    expect(log).toContain("Version: '5.7.44'  socket: '/var/run/mysqld/mysqld.sock'  port: 3307  MySQL Community Server (GPL)\n")
    expect(log).not.toContain('X Plugin')
    expect(run('kubectl exec plain -- cat /proc/1/cmdline').split('\0')[0]).toBe('mysqld')
  })
})
