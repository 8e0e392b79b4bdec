import { byName } from '../../own.ts'
import { agnhostProgram } from '../agnhost/log.ts'
import { alpine, debian, oracleLinux, ubuntu, withUser } from './bases.ts'
import { PATH, splitTag, versionParts, type ImageContent, type Repository } from './build.ts'

/** Images of servers other than nginx. */
const MYSQL: Readonly<Record<string, string>> = byName({ '5': '5.7.44', '5.6': '5.6.51', '5.7': '5.7.44', '8': '8.4.5', '8.0': '8.0.42', '8.1': '8.1.0', '8.2': '8.2.0', '8.3': '8.3.0', '8.4': '8.4.5', '9': '9.3.0', '9.0': '9.0.1', '9.1': '9.1.0', '9.2': '9.2.0', '9.3': '9.3.0' })

function mysqlVersion(tag: string): string | undefined {
  const word = tag.replace(/-(oracle|oraclelinux[89]|debian)$/, '')
  if (['latest', 'innovation', 'oracle'].includes(word)) return '9.3.0'
  if (word === 'lts') return '8.4.5'
  const parts = versionParts(word)
  if (!parts) return undefined
  if (parts.length < 3) return MYSQL[word]
  const last = MYSQL[`${parts[0]}.${parts[1]}`]
  return last !== undefined && parts.length === 3 && parts[2]! <= Number(last.split('.')[2]) ? word : undefined
}

function mysqlTag(tag: string): ImageContent | undefined {
  const version = mysqlVersion(tag)
  if (version === undefined) return undefined
  const old = version.startsWith('5.')
  // 5.6 was built on Debian
  const debian9 = version.startsWith('5.6.')
  const base = debian9 ? withUser(debian({ slim: true, release: 'stretch' }), 'mysql:x:999:999::/home/mysql:/bin/sh', 'mysql:x:999:') : oracleLinux(old ? '7.9' : '9.5')
  const release = debian9 ? '1debian9' : old ? '1.el7' : '1.el9'
  return {
    ...base,
    size: 247_813_512,
    programs: { ...base.programs, '/usr/sbin/mysqld': 'mysqld', '/usr/local/bin/docker-entrypoint.sh': 'mysql-entrypoint', '/usr/bin/mysql': 'mysql', '/usr/bin/mysqladmin': 'mysqladmin' },
    symlinks: { ...base.symlinks, '/entrypoint.sh': 'usr/local/bin/docker-entrypoint.sh' },
    directories: [...(base.directories ?? []), '/docker-entrypoint-initdb.d'],
    owners: { '/var/lib/mysql': { uid: 999, gid: 999, mode: 0o1777 }, '/var/run/mysqld': { uid: 999, gid: 999, mode: 0o1777 } },
    environment: { GOSU_VERSION: '1.17', MYSQL_MAJOR: version.split('.').slice(0, 2).join('.'), MYSQL_VERSION: `${version}-${release}`, ...(debian9 ? {} : { MYSQL_SHELL_VERSION: `${old ? '8.0.35' : version}-${release}` }) },
    entrypoint: ['docker-entrypoint.sh'],
    command: ['mysqld'],
    exposedPorts: debian9 ? ['3306/tcp'] : ['3306/tcp', '33060/tcp'],
  }
}

/** The last versions of each line that there are. */
const MARIADB: Readonly<Record<string, string>> = byName({ '10': '10.11.11', '10.5': '10.5.28', '10.6': '10.6.21', '10.11': '10.11.11', '11': '11.7.2', '11.4': '11.4.5', '11.7': '11.7.2' })

function mariadbTag(tag: string): ImageContent | undefined {
  const word = tag.replace(/-(noble|jammy|focal|ubi9?|ubi)$/, '')
  const parts = versionParts(word)
  const version = ['latest', 'noble', 'jammy'].includes(word) ? '11.7.2' : word === 'lts' ? '11.4.5' : (MARIADB[word] ?? (parts?.length === 3 && MARIADB[`${parts[0]}.${parts[1]}`] !== undefined && parts[2]! <= Number(MARIADB[`${parts[0]}.${parts[1]}`]!.split('.')[2]) ? word : undefined))
  if (version === undefined) return undefined
  const base = withUser(ubuntu('24.04'), 'mysql:x:999:999::/home/mysql:/bin/sh', 'mysql:x:999:')
  const eleven = version.startsWith('11')
  return {
    ...base,
    size: 124_213_512,
    // the names that begin with mysql are gone since 11
    programs: { ...base.programs, '/usr/sbin/mariadbd': 'mariadbd', '/usr/local/bin/docker-entrypoint.sh': 'mariadb-entrypoint', '/usr/bin/mariadb': 'mysql', '/usr/bin/mariadb-admin': 'mysqladmin', ...(eleven ? {} : { '/usr/bin/mysql': 'mysql', '/usr/bin/mysqladmin': 'mysqladmin', '/usr/sbin/mysqld': 'mariadbd' }) },
    directories: [...(base.directories ?? []), '/docker-entrypoint-initdb.d'],
    owners: { '/var/lib/mysql': { uid: 999, gid: 999 }, '/run/mysqld': { uid: 999, gid: 999, mode: 0o1777 } },
    environment: { GOSU_VERSION: '1.17', LANG: 'C.UTF-8', MARIADB_VERSION: `1:${version}+maria~ubu2404` },
    entrypoint: ['docker-entrypoint.sh'],
    command: ['mariadbd'],
    exposedPorts: ['3306/tcp'],
  }
}

const MONGO: Readonly<Record<string, string>> = byName({ '4': '4.4.29', '4.4': '4.4.29', '5': '5.0.31', '5.0': '5.0.31', '6': '6.0.23', '6.0': '6.0.23', '7': '7.0.20', '7.0': '7.0.20', '8': '8.0.9', '8.0': '8.0.9' })

function mongoTag(tag: string): ImageContent | undefined {
  const { version: word, flavour } = splitTag(tag)
  if (!/^(|noble|jammy|focal)$/.test(flavour)) return undefined
  const parts = versionParts(word)
  const line = `${parts?.[0]}.${parts?.[1]}`
  const version = ['latest', 'noble'].includes(word) ? '8.0.9' : (MONGO[word] ?? (parts?.length === 3 && MONGO[line] !== undefined && parts[2]! <= Number(MONGO[line].split('.')[2]) ? word : undefined))
  if (version === undefined) return undefined
  const [major, minor] = version.split('.').map(Number) as [number, number]
  const base = withUser(ubuntu(major >= 8 ? '24.04' : major >= 6 ? '22.04' : '20.04'), 'mongodb:x:999:999::/home/mongodb:/bin/sh', 'mongodb:x:999:')
  const own = ['noble', 'jammy', 'focal'][major >= 8 ? 0 : major >= 6 ? 1 : 2]!
  if (flavour !== '' && flavour !== own) return undefined
  // mongo, the old shell, left with 6.0; mongosh came with 5.0
  const shells = { ...(major >= 5 ? { '/usr/bin/mongosh': 'mongosh' } : {}), ...(major < 6 ? { '/usr/bin/mongo': 'mongo' } : {}) }
  return {
    ...base,
    size: 273_412_608,
    files: { ...base.files, '/etc/mongod.conf.orig': MONGOD_CONF },
    programs: { ...base.programs, '/usr/bin/mongod': 'mongod', ...shells, '/usr/local/bin/docker-entrypoint.sh': 'mongo-entrypoint' },
    directories: [...(base.directories ?? []), '/docker-entrypoint-initdb.d', '/var/lib/mongodb'],
    owners: { '/data/db': { uid: 999, gid: 999 }, '/data/configdb': { uid: 999, gid: 999 } },
    environment: { GOSU_VERSION: '1.17', JSYAML_VERSION: '3.13.1', MONGO_PACKAGE: 'mongodb-org', MONGO_REPO: 'repo.mongodb.org', MONGO_MAJOR: `${major}.${minor}`, MONGO_VERSION: version, HOME: '/data/db' },
    entrypoint: ['docker-entrypoint.sh'],
    command: ['mongod'],
    exposedPorts: ['27017/tcp'],
  }
}

/** The package's own configuration file, which the image moves away and does not use. */
const MONGOD_CONF = 'storage:\n  dbPath: /var/lib/mongodb\n\nsystemLog:\n  destination: file\n  logAppend: true\n  path: /var/log/mongodb/mongod.log\n\nnet:\n  port: 27017\n  bindIp: 127.0.0.1\n\nprocessManagement:\n  timeZoneInfo: /usr/share/zoneinfo\n'

const REDIS: Readonly<Record<string, string>> = byName({ '5': '5.0.14', '5.0': '5.0.14', '6': '6.2.18', '6.0': '6.0.20', '6.2': '6.2.18', '7': '7.4.3', '7.0': '7.0.15', '7.2': '7.2.8', '7.4': '7.4.3', '8': '8.0.1', '8.0': '8.0.1' })

function redisTag(tag: string): ImageContent | undefined {
  const { version: word, flavour } = splitTag(tag)
  if (!/^(|alpine[0-9.]*|bookworm|bullseye)$/.test(flavour)) return undefined
  const parts = versionParts(word)
  const version = ['latest', 'alpine', 'bookworm'].includes(word) ? '8.0.1' : (REDIS[word] ?? (parts?.length === 3 && REDIS[`${parts[0]}.${parts[1]}`] !== undefined && parts[2]! <= Number(REDIS[`${parts[0]}.${parts[1]}`]!.split('.')[2]) ? word : undefined))
  if (version === undefined) return undefined
  const isAlpine = word === 'alpine' || flavour.startsWith('alpine')
  const base = isAlpine ? withUser(alpine(), 'redis:x:999:1000:Linux User,,,:/home/redis:/bin/sh', 'redis:x:1000:redis') : withUser(debian({ slim: true }), 'redis:x:999:999::/home/redis:/bin/sh', 'redis:x:999:')
  return {
    ...base,
    size: isAlpine ? 16_912_384 : 44_938_752,
    programs: { ...base.programs, '/usr/local/bin/redis-server': 'redis-server', '/usr/local/bin/redis-cli': 'redis-cli', '/usr/local/bin/docker-entrypoint.sh': 'redis-entrypoint' },
    directories: base.directories ?? [],
    owners: { '/data': { uid: 999, gid: isAlpine ? 1000 : 999 } },
    environment: { GOSU_VERSION: '1.17', REDIS_VERSION: version },
    workingDirectory: '/data',
    entrypoint: ['docker-entrypoint.sh'],
    command: ['redis-server'],
    exposedPorts: ['6379/tcp'],
  }
}

/** The replicas of the guestbook tutorial, made from redis 6.0.5. */
function guestbookFollower(tag: string): ImageContent | undefined {
  const base = tag === 'v2' || tag === 'latest' ? redisTag('6.0.5') : undefined
  return base && { ...base, programs: { ...base.programs, '/run.sh': 'guestbook-follower' }, entrypoint: ['docker-entrypoint.sh'], command: ['/bin/sh', '-c', '/run.sh'] }
}

function guestbookFrontend(tag: string): ImageContent | undefined {
  if (!/^(v[3-6]|latest)$/.test(tag)) return undefined
  const base = debian({ more: ['curl'], slim: true, release: 'bullseye' })
  return {
    ...base, size: 169_869_312,
    programs: { ...base.programs, '/usr/local/bin/apache2-foreground': 'guestbook-frontend' },
    directories: [...(base.directories ?? []), '/var/www/html'],
    environment: { PHP_VERSION: '7.4.29', APACHE_CONFDIR: '/etc/apache2', PHP_INI_DIR: '/usr/local/etc/php' },
    workingDirectory: '/var/www/html', command: ['apache2-foreground'], exposedPorts: ['80/tcp'], stopSignal: 'SIGWINCH',
  }
}

const POSTGRES: Readonly<Record<string, number>> = byName({ '12': 22, '13': 21, '14': 18, '15': 13, '16': 9, '17': 5 })

function postgresTag(tag: string): ImageContent | undefined {
  const { version: word, flavour } = splitTag(tag)
  if (!/^(|alpine[0-9.]*|bookworm|bullseye)$/.test(flavour)) return undefined
  const parts = versionParts(['latest', 'alpine', 'bookworm'].includes(word) ? '17' : word)
  const last = POSTGRES[String(parts?.[0])]
  if (!parts || last === undefined || parts.length > 2 || (parts[1] ?? last) > last) return undefined
  const version = `${parts[0]}.${parts[1] ?? last}`
  const isAlpine = word === 'alpine' || flavour.startsWith('alpine')
  const base = isAlpine ? withUser(alpine(['bash']), 'postgres:x:70:70:Linux User,,,:/var/lib/postgresql:/bin/sh', 'postgres:x:70:postgres') : withUser(debian({ slim: true }), 'postgres:x:999:999::/var/lib/postgresql:/bin/bash', 'postgres:x:999:')
  const bin = isAlpine ? '/usr/local/bin' : `/usr/lib/postgresql/${parts[0]}/bin`
  return {
    ...base,
    size: isAlpine ? 104_512_337 : 152_093_184,
    programs: { ...base.programs, [`${bin}/postgres`]: 'postgres', [`${bin}/psql`]: 'psql', [`${bin}/pg_isready`]: 'pg_isready', '/usr/local/bin/docker-entrypoint.sh': 'postgres-entrypoint' },
    symlinks: { ...base.symlinks, ...(isAlpine ? {} : { '/usr/bin/psql': `${bin}/psql`, '/usr/bin/pg_isready': `${bin}/pg_isready` }) },
    directories: [...(base.directories ?? []), '/docker-entrypoint-initdb.d'],
    owners: { '/var/lib/postgresql/data': { uid: isAlpine ? 70 : 999, gid: isAlpine ? 70 : 999, mode: 0o1777 }, '/var/run/postgresql': { uid: isAlpine ? 70 : 999, gid: isAlpine ? 70 : 999, mode: 0o3777 } },
    environment: { ...(isAlpine ? {} : { PATH: `${PATH}:${bin}` }), GOSU_VERSION: '1.17', LANG: 'en_US.utf8', PG_MAJOR: String(parts[0]), PG_VERSION: isAlpine ? version : `${version}-1.pgdg120+1`, PGDATA: '/var/lib/postgresql/data' },
    entrypoint: ['docker-entrypoint.sh'],
    command: ['postgres'],
    exposedPorts: ['5432/tcp'],
    stopSignal: 'SIGINT',
  }
}

function memcachedTag(tag: string): ImageContent | undefined {
  const { version: word, flavour } = splitTag(tag)
  if (!/^(|alpine[0-9.]*|bookworm)$/.test(flavour)) return undefined
  const parts = versionParts(['latest', 'alpine', 'bookworm'].includes(word) ? '1' : word)
  if (!parts || parts.length > 3 || parts[0] !== 1 || (parts[1] ?? 6) !== 6 || (parts[2] ?? 38) > 38) return undefined
  const isAlpine = word === 'alpine' || flavour.startsWith('alpine')
  const base = withUser(isAlpine ? alpine() : debian({ slim: true }), 'memcache:x:11211:11211::/home/memcache:/bin/sh', 'memcache:x:11211:')
  return {
    ...base,
    size: isAlpine ? 10_412_871 : 32_192_512,
    programs: { ...base.programs, '/usr/local/bin/memcached': 'memcached', '/usr/local/bin/docker-entrypoint.sh': 'memcached-entrypoint' },
    environment: { MEMCACHED_VERSION: `1.6.${parts[2] ?? 38}` },
    entrypoint: ['docker-entrypoint.sh'],
    command: ['memcached'],
    user: { uid: 11211, gid: 11211, name: 'memcache' },
    exposedPorts: ['11211/tcp'],
  }
}

function fluentdTag(tag: string): ImageContent | undefined {
  const match = /^(?:latest|edge|(?:v?1(?:\.(?:1[0-8]|[0-9]))?(?:\.\d+)?(?:-\d+(?:\.\d+)?)?)(?:-debian)?(?:-\d+(?:\.\d+)?)?)$/.exec(tag)
  if (!match) return undefined
  const isDebian = tag.includes('debian')
  const account = ['fluent:x:100:101:Linux User,,,:/home/fluent:/sbin/nologin', 'fluent:x:101:fluent'] as const
  const base = isDebian ? withUser(debian({ slim: true }), 'fluent:x:999:999::/home/fluent:/bin/sh', 'fluent:x:999:') : withUser(alpine([], { release: '3.19.7' }), ...account)
  return {
    ...base,
    size: 54_127_616,
    files: { ...base.files, '/fluentd/etc/fluent.conf': '<source>\n  @type  forward\n  @id    input1\n  @label @mainstream\n  port  24224\n</source>\n\n<filter **>\n  @type stdout\n</filter>\n\n<label @mainstream>\n  <match **>\n    @type file\n    @id   output1\n    path         /fluentd/log/data.*.log\n  </match>\n</label>\n' },
    programs: { ...base.programs, '/bin/entrypoint.sh': 'fluentd-entrypoint', [isDebian ? '/usr/local/bundle/bin/fluentd' : '/usr/bin/fluentd']: 'fluentd', '/usr/bin/tini': 'tini' },
    directories: [...(base.directories ?? []), '/fluentd/log', '/fluentd/plugins'],
    environment: { ...(isDebian ? { PATH: `/usr/local/bundle/bin:${PATH}` } : {}), FLUENTD_CONF: 'fluent.conf', LD_PRELOAD: '' },
    entrypoint: ['tini', '--', '/bin/entrypoint.sh'],
    command: ['fluentd'],
    user: isDebian ? { uid: 999, gid: 999, name: 'fluent' } : { uid: 100, gid: 101, name: 'fluent' },
    exposedPorts: ['24224/tcp', '5140/tcp'],
  }
}

function httpEchoTag(tag: string): ImageContent | undefined {
  const parts = versionParts(tag)
  if (tag !== 'latest' && !(parts && (parts[0] === 0 || parts[0] === 1))) return undefined
  const version = tag === 'latest' ? '1.0.0' : tag.replace(/^v/, '')
  const common = { programs: { '/http-echo': 'http-echo' }, entrypoint: ['/http-echo'], exposedPorts: ['5678/tcp'] }
  if (parts?.[0] === 0) return { ...common, size: 2_046_820, directories: ['/etc', '/proc', '/sys', '/dev'], environment: { PRODUCT_VERSION: version } }
  return {
    ...common,
    size: 3_052_842,
    files: { '/etc/passwd': 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' },
    directories: ['/etc', '/proc', '/sys', '/dev', '/tmp', '/home/nonroot'],
    environment: { PRODUCT_NAME: 'http-echo', PRODUCT_VERSION: /^1(\.0)?$/.test(version) ? '1.0.0' : version, ECHO_TEXT: 'hello-world', SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt' },
    user: { uid: 65532, gid: 65532, name: 'nonroot' },
  }
}

/** What "Debug Services" of Kubernetes' pages runs: the program alone, which later became a part of agnhost. */
function serveHostnameTag(tag: string): ImageContent | undefined {
  return ['latest', '1.4', 'v1.4'].includes(tag) ? { size: 5_600_000, programs: { '/serve_hostname': 'agnhost' }, entrypoint: ['/serve_hostname', 'serve-hostname'], exposedPorts: ['9376/tcp'] } : undefined
}

function agnhostTag(tag: string): ImageContent | undefined {
  const parts = versionParts(tag)
  if (!parts || parts[0] !== 2 || parts.length !== 2) return undefined
  const base = alpine(['bash', 'curl', 'dig', 'nslookup', 'host', 'nc', 'ip', 'ss', 'iperf'])
  const program = agnhostProgram(parts[1]!)
  return { ...base, size: 51_706_353, programs: { ...base.programs, '/agnhost': program, '/agnhost-2': program, '/coredns': 'coredns' }, directories: [...(base.directories ?? []), '/uploads'], entrypoint: ['/agnhost'], command: ['pause'], exposedPorts: ['80/tcp', '8080/tcp', '8081/tcp', '9376/tcp'] }
}

export const serverRepositories: readonly Repository[] = [
  { name: 'docker.io/library/mysql', tag: mysqlTag },
  { name: 'docker.io/library/mariadb', tag: mariadbTag },
  { name: 'docker.io/library/postgres', tag: postgresTag },
  { name: 'docker.io/library/memcached', tag: memcachedTag },
  ...['docker.io/fluent/fluentd', 'docker.io/library/fluentd'].map((name) => ({ name, tag: fluentdTag })),
  { name: 'docker.io/library/mongo', tag: mongoTag },
  { name: 'docker.io/library/redis', tag: redisTag },
  ...['us-docker.pkg.dev/google-samples/containers/gke', 'gcr.io/google_samples', 'gcr.io/google-samples'].flatMap((where) => [{ name: `${where}/gb-redis-follower`, tag: guestbookFollower }, { name: `${where}/gb-frontend`, tag: guestbookFrontend }]),
  { name: 'docker.io/hashicorp/http-echo', tag: httpEchoTag },
  ...['registry.k8s.io/e2e-test-images/agnhost', 'k8s.gcr.io/e2e-test-images/agnhost', 'gcr.io/kubernetes-e2e-test-images/agnhost'].map((name) => ({ name, tag: agnhostTag })),
  { name: 'registry.k8s.io/serve_hostname', tag: serveHostnameTag },
]
