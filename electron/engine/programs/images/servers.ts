import { debian, oracleLinux } from './bases.ts'
import { versionParts, type ImageContent, type Repository } from './build.ts'

/** Images of servers other than nginx. */
const MYSQL: Readonly<Record<string, string>> = { '5': '5.7.44', '5.7': '5.7.44', '8': '8.4.5', '8.0': '8.0.42', '8.1': '8.1.0', '8.2': '8.2.0', '8.3': '8.3.0', '8.4': '8.4.5', '9': '9.3.0', '9.0': '9.0.1', '9.1': '9.1.0', '9.2': '9.2.0', '9.3': '9.3.0' }

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
  const base = oracleLinux()
  return {
    ...base,
    size: 247_813_512,
    programs: { ...base.programs, '/usr/sbin/mysqld': 'mysqld', '/usr/local/bin/docker-entrypoint.sh': 'mysql-entrypoint', '/usr/bin/mysql': 'mysql', '/usr/bin/mysqladmin': 'mysqladmin' },
    symlinks: { ...base.symlinks, '/entrypoint.sh': 'usr/local/bin/docker-entrypoint.sh' },
    directories: [...(base.directories ?? []), '/var/lib/mysql', '/var/run/mysqld', '/docker-entrypoint-initdb.d'],
    environment: { GOSU_VERSION: '1.17', MYSQL_MAJOR: version.split('.').slice(0, 2).join('.'), MYSQL_VERSION: `${version}-1.el9`, MYSQL_SHELL_VERSION: `${version}-1.el9` },
    entrypoint: ['docker-entrypoint.sh'],
    command: ['mysqld'],
    exposedPorts: ['3306/tcp', '33060/tcp'],
  }
}

function httpEchoTag(tag: string): ImageContent | undefined {
  const parts = versionParts(tag)
  if (tag !== 'latest' && !(parts && (parts[0] === 0 || parts[0] === 1))) return undefined
  return {
    size: 3_052_842,
    files: { '/etc/passwd': 'nobody:x:65534:65534:nobody:/:/sbin/nologin\n' },
    directories: ['/etc', '/proc', '/sys', '/dev', '/tmp', '/home/nonroot'],
    programs: { '/http-echo': 'http-echo' },
    entrypoint: ['/http-echo'],
    environment: { BIN_NAME: 'http-echo', PRODUCT_VERSION: tag === 'latest' ? '1.0.0' : tag.replace(/^v/, '') },
    user: { uid: 65532, gid: 65532, name: 'nonroot' },
    exposedPorts: ['5678/tcp'],
  }
}

function agnhostTag(tag: string): ImageContent | undefined {
  const parts = versionParts(tag)
  if (!parts || parts[0] !== 2 || parts.length !== 2) return undefined
  const base = debian({ more: ['curl', 'dig', 'nslookup', 'host', 'nc'], slim: true })
  return { ...base, size: 51_706_353, programs: { ...base.programs, '/agnhost': 'agnhost' }, entrypoint: ['/agnhost'], command: ['pause'] }
}

export const serverRepositories: readonly Repository[] = [
  { name: 'docker.io/library/mysql', tag: mysqlTag },
  { name: 'docker.io/hashicorp/http-echo', tag: httpEchoTag },
  { name: 'registry.k8s.io/e2e-test-images/agnhost', tag: agnhostTag },
]
