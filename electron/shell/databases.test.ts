import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** Databases in images, and their own clients, by Services and from other Pods: what people type when they try them. */
let lab: House
const run = (script: string, stdin?: string): string => lab.run(script, stdin).output
const apply = (name: string, image: string, port: number, more = ''): void => {
  run(`kubectl run ${name} --image=${image} --port=${port} --expose ${more}; kubectl wait --for=condition=Ready pod/${name} --timeout=60s; sleep 12`)
}

beforeAll(() => {
  lab = house({ nodes: 2 })
})

describe('redis', () => {
  const cli = (command: string, options = ''): string => run(`kubectl exec cache -- redis-cli ${options} ${command}`)
  beforeAll(() => {
    apply('cache', 'redis:7-alpine', 6379)
    apply('locked', 'redis:7', 6379, '-- --requirepass secret')
  })

  it('keeps strings, numbers, lists and hashes, and lets keys go in time', () => {
    expect(cli('ping')).toBe('PONG\n')
    expect([cli('set a 1 EX 30'), cli('incr a'), cli('ttl a'), cli('get a')]).toEqual(['OK\n', '2\n', '30\n', '2\n'].map((v, i) => (i === 2 ? expect.stringMatching(/^(29|30)\n$/) : v)))
    run('sleep 31')
    expect(cli('get a')).toBe('\n')
    cli('rpush l one two three')
    expect(cli('lrange l 0 -1', '--no-raw')).toBe('1) "one"\n2) "two"\n3) "three"\n')
    expect(cli('hset h f v', '--no-raw')).toBe('(integer) 1\n')
    expect(cli("keys '?'")).toBe('l\nh\n')
    expect(cli('incr l')).toBe('WRONGTYPE Operation against a key holding the wrong kind of value\n\n')
    expect(cli('nope x')).toBe("ERR unknown command 'nope', with args beginning with: 'x' \n\n")
    expect(cli("xadd s '*' a 1")).toContain('podhop: not simulated: xadd')
    expect(cli('info replication')).toBe('# Replication\r\nrole:master\r\nconnected_slaves:0\r\n')
  })

  it('takes sets together, copies and counts keys', () => {
    cli('sadd x 1 2 3'); cli('sadd y 2 3 4'); cli('set plain 1')
    expect([cli('sinter x y'), cli('sunion x y'), cli('sdiff x y'), cli('sdiff x nothing')]).toEqual(['2\n3\n', '1\n2\n3\n4\n', '1\n', '1\n2\n3\n'])
    expect(cli('sinter x plain')).toContain('WRONGTYPE')
    expect([cli('copy x z'), cli('copy x z'), cli('copy y z REPLACE'), cli('sadd y 9'), cli('smembers z'), cli('copy nothing z')]).toEqual(['1\n', '0\n', '1\n', '1\n', '2\n3\n4\n', '0\n'])
    expect([cli('touch x z nothing'), cli('del x y z plain')]).toEqual(['2\n', '4\n'])
    expect(cli('getex x')).toContain('podhop: not simulated: getex')
  })

  it('keeps members in the order of their scores', () => {
    expect(cli('zadd board 50 ann 70 bob 60 cid')).toBe('3\n')
    expect([cli('zadd board XX CH 55 ann 1 nobody'), cli('zadd board NX 9 ann'), cli('zincrby board 10.5 ann'), cli('zscore board ann'), cli('zcard board')]).toEqual(['1\n', '0\n', '65.5\n', '65.5\n', '3\n'])
    expect(cli('zrange board 0 -1 WITHSCORES', '--no-raw')).toBe('1) "cid"\n2) "60"\n3) "ann"\n4) "65.5"\n5) "bob"\n6) "70"\n')
    expect([cli('zrevrange board 0 0'), cli('zrange board -2 -1 REV'), cli("zrangebyscore board '(60' +inf LIMIT 1 1"), cli('zcount board -inf 65.5')]).toEqual(['bob\n', 'ann\ncid\n', 'bob\n', '2\n'])
    expect([cli('zrank board bob'), cli('zrevrank board bob'), cli('zrank board nobody', '--no-raw'), cli('type board')]).toEqual(['2\n', '0\n', '(nil)\n', 'zset\n'])
    expect([cli('zadd board x ann'), cli('zrangebyscore board a b'), cli('get board')]).toEqual(['ERR value is not a valid float\n\n', 'ERR min or max is not a float\n\n', 'WRONGTYPE Operation against a key holding the wrong kind of value\n\n'])
    expect([cli('zpopmax board'), cli('zrem board ann cid nobody'), cli('exists board')]).toEqual(['bob\n70\n', '2\n', '0\n'])
  })

  it('logs its start as its version does', () => {
    run('kubectl run six --image=redis:6.2; sleep 8')
    expect(run('kubectl logs six').replace(/(1:[CM]) \d+ \w+ \d+ [0-9:.]+/g, '$1')).toBe(`1:C # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo
1:C # Redis version=6.2.18, bits=64, commit=00000000, modified=0, pid=1, just started
1:C # Warning: no config file specified, using the default config. In order to specify a config file use redis-server /path/to/redis.conf
1:M * monotonic clock: POSIX clock_gettime
1:M * Running mode=standalone, port=6379.
1:M # Server initialized
1:M * Ready to accept connections
`)
    expect(run('kubectl logs cache')).toMatch(/1:M .* \* Ready to accept connections tcp\n$/)
  })

  it('is reached by name from another Pod, and tells who its clients are', () => {
    const seen = run('kubectl exec locked -- redis-cli -h cache client list')
    const ip = run("kubectl get pod locked -o jsonpath='{.status.podIP}'")
    expect(seen).toContain(`addr=${ip}:`)
    expect(seen).toContain(' cmd=client|list user=default resp=2\n')
    expect(run('kubectl exec locked -- redis-cli -h nobody ping')).toContain('Could not connect to Redis at nobody:6379: Name or service not known\n')
  })

  it('wants its password', () => {
    const locked = (options: string): string => run(`kubectl exec cache -- redis-cli -h locked ${options} ping`)
    expect(locked('')).toBe('NOAUTH Authentication required.\n\n')
    expect(locked('-a wrong --no-auth-warning')).toBe('AUTH failed: WRONGPASS invalid username-password pair or user is disabled.\nNOAUTH Authentication required.\n\n')
    expect(locked('-a secret --no-auth-warning')).toBe('PONG\n')
  })

  it('publishes to whoever has subscribed', () => {
    run('kubectl exec locked -- redis-cli -h cache subscribe news > news.txt & sleep 1; kubectl exec cache -- redis-cli publish news hello; sleep 1; kill %1')
    expect(run('cat news.txt')).toBe('subscribe\nnews\n1\nmessage\nnews\nhello\n')
  })

  it('has a prompt on a terminal', () => {
    const window = lab.open()
    window.type('kubectl exec -it cache -- redis-cli\n', 3_000)
    expect(window.type('set "a b" "c d"\n')).toContain('OK\n127.0.0.1:6379> ')
    expect(window.type('get "a b"\n')).toContain('"c d"\n127.0.0.1:6379> ')
    window.type('exit\n')
  })
})

describe.each([['mysql:8.4', 'mysql', 'MYSQL', '8.4.5'], ['mariadb:11', 'mariadb', 'MARIADB', '11.7.2-MariaDB-ubu2404']])('%s', (image, client, prefix, version) => {
  const name = client === 'mysql' ? 'db' : 'maria'
  const sql = (text: string, options = '-uroot -psecret'): string => run(`kubectl exec ${name} -- ${client} -h ${name} ${options} -e '${text}'`).replace(/^mysql: \[Warning\].*\n/, '')
  beforeAll(() => apply(name, image, 3306, `--env=${prefix}_ROOT_PASSWORD=secret --env=${prefix}_DATABASE=shop --env=${prefix}_USER=app --env=${prefix}_PASSWORD=apple`))

  it('knows itself and its databases', () => {
    expect(sql('SELECT 1')).toBe('1\n1\n')
    expect(sql('select @@hostname, version()')).toBe(`@@hostname\tversion()\n${name}\t${version}\n`)
    expect(sql('SHOW DATABASES', '-uapp -papple -N')).toBe('information_schema\nmysql\nperformance_schema\nshop\nsys\n')
  })

  it('creates, fills and reads tables', () => {
    expect(sql('USE shop; CREATE TABLE items (id INT, name VARCHAR(20)); INSERT INTO items VALUES (2, "pear"), (1, "apple"); SELECT name FROM items WHERE id > 0 ORDER BY id')).toBe('name\napple\npear\n')
    expect(sql('UPDATE items SET name = "fig" WHERE id = 2; SELECT * FROM items', '-uroot -psecret shop -t')).toBe('+----+-------+\n| id | name  |\n+----+-------+\n|  2 | fig   |\n|  1 | apple |\n+----+-------+\n')
    expect(sql('SELECT count(*) FROM items', '-uapp -papple -N shop')).toBe('2\n')
    expect(sql('SELECT * FROM nothing', '-uroot -psecret shop')).toContain("ERROR 1146 (42S02) at line 1: Table 'shop.nothing' doesn't exist\n")
    expect(sql('SELECT name, count(*) FROM items GROUP BY name ORDER BY 1 DESC', '-uroot -psecret shop')).toBe('name\tcount(*)\nfig\t1\napple\t1\n')
    expect(sql('ALTER TABLE items ADD x INT', '-uroot -psecret shop')).toContain('podhop: not simulated: SQL ALTER TABLE')
  })

  it('takes what tutorials type: tables of a named database, counters, keys, accounts', () => {
    expect(sql('CREATE DATABASE test; CREATE TABLE test.messages (id INT AUTO_INCREMENT PRIMARY KEY, message VARCHAR(250) NOT NULL); INSERT INTO test.messages (message) VALUES ("hello"), ("bye"); SELECT * FROM test.messages')).toBe('id\tmessage\n1\thello\n2\tbye\n')
    expect(sql('SELECT @@server_id, 7/2 AS half, id FROM test.messages WHERE message LIKE "h%"\\G')).toBe('*************************** 1. row ***************************\n@@server_id: 1\n       half: 3.5000\n         id: 1\n')
    expect(sql('INSERT INTO test.messages VALUES (1, "again")')).toContain(`ERROR 1062 (23000) at line 1: Duplicate entry '1' for key '${client === 'mysql' ? 'messages.' : ''}PRIMARY'\n`)
    expect(sql('SELEC 1')).toContain(`You have an error in your SQL syntax; check the manual that corresponds to your ${client === 'mysql' ? 'MySQL' : 'MariaDB'} server version for the right syntax to use near 'SELEC 1' at line 1\n`)
    sql('CREATE USER "bob"@"%" IDENTIFIED BY "pear"; GRANT ALL PRIVILEGES ON test.* TO "bob"@"%"; FLUSH PRIVILEGES')
    expect(sql('SHOW TABLES FROM test', '-ubob -ppear -N')).toBe('messages\n')
  })

  it('says of its own tables that they are not simulated', () => {
    for (const table of ['information_schema.processlist', 'performance_schema.threads', 'sys.version']) expect(sql(`SELECT * FROM ${table}`)).toContain(`podhop: not simulated: the system table ${table} (`)
  })

  it('DUAL is no table', () => {
    expect(sql('select 1 + 1 as two from dual')).toBe('two\n2\n')
    expect(sql('SELECT 1 FROM DUAL WHERE 1 = 2')).toBe('')
    expect(sql('select * from dual')).toContain('ERROR 1096 (HY000) at line 1: No tables used\n')
  })

  it('refuses whom it does not know, with their address', () => {
    const ip = run(`kubectl get pod ${name} -o jsonpath='{.status.podIP}'`)
    expect(sql('SELECT 1', '-uroot -pwrong')).toMatch(new RegExp(`ERROR 1045 \\(28000\\): Access denied for user 'root'@'${ip.replaceAll('.', '\\.')}' \\(using password: YES\\)`))
    expect(sql('SELECT 1', '-unobody')).toContain("user 'nobody'@")
    expect(run(`kubectl exec ${name} -- ${client} -h ${ip} -P 3307 -uroot -psecret`)).toContain(client === 'mysql' ? `ERROR 2003 (HY000): Can't connect to MySQL server on '${ip}:3307' (111)\n` : `ERROR 2002 (HY000): Can't connect to server on '${ip}' (115)\n`)
    expect(run(`kubectl exec ${name} -- ${client} -h nobody -uroot`)).toContain(`ERROR 2005 (HY000): Unknown ${client === 'mysql' ? 'MySQL ' : ''}server host 'nobody' (-2)\n`)
    expect(run(`kubectl exec ${name} -- ${client === 'mysql' ? 'mysqladmin' : 'mariadb-admin'} ping`)).toBe('mysqld is alive\n')
  })
})

it('databases without a password option do not start, and say what they want', () => {
  run('kubectl run bad-maria --image=mariadb --restart=Never; sleep 5')
  expect(run('kubectl logs bad-maria')).toContain('[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified\n\tYou need to specify one of MARIADB_ROOT_PASSWORD, ')
})

describe('postgres', () => {
  const psql = (text: string, options = ''): string => run(`kubectl exec pg -- psql -U postgres ${options} -c "${text}"`)
  beforeAll(() => apply('pg', 'postgres:16', 5432, '--env=POSTGRES_PASSWORD=secret'))

  it('answers in its tables, and says what it does not know', () => {
    expect(psql('SELECT 1')).toBe(' ?column? \n----------\n        1\n(1 row)\n\n')
    expect(psql("CREATE TABLE t (id int, name text); INSERT INTO t VALUES (1, 'pear'), (2, NULL); SELECT * FROM t WHERE id > 0 ORDER BY id DESC")).toBe('CREATE TABLE\nINSERT 0 2\n id | name \n----+------\n  2 | \n  1 | pear\n(2 rows)\n\n')
    expect(psql('SELECT count(*) FROM t', '-tA')).toBe('2\n')
    expect(psql('SELECT * FROM nothing')).toContain('ERROR:  relation "nothing" does not exist\n')
    for (const detail of ['l+', 'dt+', 'd+']) expect(psql(`\\\\${detail}`)).toContain(`podhop: not simulated: psql \\${detail} (use \\${detail.slice(0, -1)})`)
    for (const table of ['pg_stat_activity', 'pg_catalog.pg_locks', 'information_schema.views']) expect(psql(`SELECT * FROM ${table}`)).toContain(`podhop: not simulated: the system table ${table} (`)
    expect(psql('VACUUM')).toContain('podhop: not simulated: SQL VACUUM')
    expect(psql('selec 1')).toContain('ERROR:  syntax error at or near "selec"\nLINE 1: selec 1\n        ^\n')
  })

  it('lists and describes what it has, as psql does', () => {
    psql('CREATE TABLE users (id SERIAL PRIMARY KEY, name TEXT NOT NULL, n INT DEFAULT 5)')
    expect(psql('\\\\dt users')).toBe('         List of relations\n Schema | Name  | Type  |  Owner   \n--------+-------+-------+----------\n public | users | table | postgres\n(1 row)\n\n')
    expect(psql('\\\\d users')).toBe('                            Table "public.users"\n Column |  Type   | Collation | Nullable |              Default              \n--------+---------+-----------+----------+-----------------------------------\n id     | integer |           | not null | nextval(\'users_id_seq\'::regclass)\n name   | text    |           | not null | \n n      | integer |           |          | 5\nIndexes:\n    "users_pkey" PRIMARY KEY, btree (id)\n\n')
    expect(psql("INSERT INTO users (name) VALUES ('alice') RETURNING id")).toBe(' id \n----\n  1\n(1 row)\n\nINSERT 0 1\n')
    expect(psql('INSERT INTO users (id) VALUES (7)')).toContain('DETAIL:  Failing row contains (7, null, 5).\n')
    expect(psql('SELECT * FROM users', '-x')).toBe('-[ RECORD 1 ]\nid   | 1\nname | alice\nn    | 5\n\n')
    expect(psql('\\\\foo')).toContain('invalid command \\foo\n')
  })

  it('wants a password from other machines, by SCRAM', () => {
    const from = (password: string): string => run(`kubectl exec cache-pg -- env PGPASSWORD=${password} psql -h pg -U postgres -tAc 'select inet_client_addr()'`)
    run('kubectl run cache-pg --image=postgres:16 --env=POSTGRES_PASSWORD=x; kubectl wait --for=condition=Ready pod/cache-pg; sleep 10')
    expect(from('secret')).toBe(`${run("kubectl get pod cache-pg -o jsonpath='{.status.podIP}'")}\n`)
    expect(from('wrong')).toMatch(/^psql: error: connection to server at "pg" \(10\.\d+\.\d+\.\d+\), port 5432 failed: FATAL: {2}password authentication failed for user "postgres"\n/)
    expect(run('kubectl exec cache-pg -- psql -h pg -U postgres -c "select 1"')).toContain('failed: fe_sendauth: no password supplied\n')
    expect(run('kubectl exec cache-pg -- pg_isready -h pg')).toBe('pg:5432 - accepting connections\n')
    expect(lab.run('kubectl exec cache-pg -- pg_isready -h pg -p 5433')).toMatchObject({ output: expect.stringContaining('pg:5433 - no response\n'), code: 2 })
  })

  it('does not start without one', () => {
    run('kubectl run bad-pg --image=postgres --restart=Never; sleep 5')
    expect(run('kubectl logs bad-pg')).toMatch(/^Error: Database is uninitialized and superuser password is not specified\.\n/)
  })
})
