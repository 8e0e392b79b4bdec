import { alpine, debian, ubuntu } from './bases.ts'
import { splitTag, versionParts, type ImageContent, type Repository } from './build.ts'

/** What tutorials, exercises and books deploy, beside the samples of samples.ts. */

/** A server written for Node.js: its script, and who runs it. */
function nodeImage(program: string, script: string, options: { command?: readonly string[]; entrypoint?: readonly string[]; directory?: string; size: number }): ImageContent {
  const base = debian({ more: ['curl', 'ps'], release: 'stretch' })
  const directory = options.directory ?? '/'
  return {
    ...base,
    size: options.size,
    files: { ...base.files, [`${directory === '/' ? '' : directory}/${script}`]: '// podhop: a server on port 8080; what it does is built in\n' },
    programs: { ...base.programs, '/usr/local/bin/node': program, '/usr/local/bin/npm': program },
    workingDirectory: directory,
    entrypoint: options.entrypoint ?? [],
    command: options.command ?? [],
    exposedPorts: ['8080/tcp'],
  }
}

const nodeHello = (tag: string): ImageContent | undefined => (tag === '1.0' || tag === '2.0' ? nodeImage('node-hello', 'server.js', { command: ['/bin/sh', '-c', 'node server.js'], size: 251_000_000 }) : undefined)
const simpleApp = (tag: string): ImageContent | undefined => (tag === 'latest' ? nodeImage('simpleapp', 'server.js', { command: ['npm', 'start'], directory: '/usr/src/app', size: 28_000_000 }) : undefined)
const kubia = (tags: RegExp, unhealthy = false) => (tag: string): ImageContent | undefined =>
  tags.test(tag) ? nodeImage(unhealthy ? 'kubia-unhealthy' : tag === 'latest' ? 'kubia' : `kubia-${tag}`, 'app.js', { entrypoint: ['node', 'app.js'], size: 264_000_000 }) : undefined

const helloGo = (tag: string): ImageContent | undefined =>
  tag === '1.0' ? { size: 5_031_000, directories: ['/etc', '/proc', '/sys', '/dev'], programs: { '/usr/bin/hello-go-gke': 'hello-go' }, entrypoint: ['/usr/bin/hello-go-gke'], exposedPorts: ['80/tcp', '81/tcp'] } : undefined

const proxyOfGo = (tag: string): ImageContent | undefined =>
  tag === '0.1' ? { size: 5_476_000, directories: ['/etc', '/proc', '/sys', '/dev'], programs: { '/goproxy': 'goproxy' }, entrypoint: ['/goproxy'], exposedPorts: ['8080/tcp'] } : undefined

function hpaExample(tag: string): ImageContent | undefined {
  if (tag !== 'latest') return undefined
  const base = debian({ more: ['curl'], slim: true, release: 'stretch' })
  return {
    ...base, size: 180_000_000, programs: { ...base.programs, '/usr/local/bin/apache2-foreground': 'hpa-example' },
    files: { ...base.files, '/var/www/html/index.php': '<?php // podhop: works hard, and says OK!\n' }, workingDirectory: '/var/www/html', command: ['apache2-foreground'], exposedPorts: ['80/tcp'], stopSignal: 'SIGWINCH',
  }
}

/** What a shell finds for looking at DNS: those of Kubernetes' own tests and of their forerunners. */
const DNS = ['dig', 'nslookup', 'host', 'curl', 'nc', 'ping']
const jessie = (tag: string): ImageContent | undefined => (/^1\.[1-9]$/.test(tag) ? { ...debian({ more: [...DNS, 'wget'], release: 'stretch' }), size: 110_000_000, command: ['sleep', '3600'] } : undefined)
const dnsUtils = (tag: string): ImageContent | undefined => (tag === 'latest' ? { ...ubuntu('18.04', { more: ['dig', 'nslookup', 'host'] }), size: 84_000_000, command: ['/bin/bash'] } : undefined)

/** infoblox/dnstools: CoreDNS' own deployment guide asks with it. Its shell has a prompt of its own. */
function dnsTools(tag: string): ImageContent | undefined {
  if (!/^(latest|v[23])$/.test(tag)) return undefined
  return { ...alpine(['bash', 'curl', 'dig', 'nslookup', 'host', 'jq', 'tcpdump']), size: 25_000_000, environment: { PS1: 'dnstools# ' }, entrypoint: ['/bin/sh'] }
}

/** docker.io/library/bash: the shell of its tag, on Alpine. */
const bash = (tag: string): ImageContent | undefined => {
  const { version, flavour } = splitTag(tag)
  const parts = versionParts(version)
  if (!/^(|alpine[0-9.]*)$/.test(flavour) || (version !== 'latest' && !(parts && (parts[0] === 5 || parts[0] === 4)))) return undefined
  const base = alpine()
  return { ...base, size: 6_700_000, programs: { ...base.programs, '/usr/local/bin/bash': 'bash', '/usr/local/bin/docker-entrypoint.sh': 'bash-entrypoint' }, entrypoint: ['docker-entrypoint.sh'], command: ['bash'], environment: { _BASH_VERSION: '5.2.37' } }
}

/** The newest of each line, and the PHP that they were built with. */
const WORDPRESS = new Map([['4', '4.9.8'], ['4.8', '4.8.3'], ['4.9', '4.9.8'], ['5', '5.9.3'], ['5.9', '5.9.3'], ['6', '6.8.1']])

function wordpress(tag: string): ImageContent | undefined {
  const match = /^(latest|apache|php8\.[0-4]|[456](?:\.\d{1,2}){0,2})(?:-php(\d\.\d))?(-apache)?$/.exec(tag)
  if (!match) return undefined
  const [, word = '', given] = match
  const version = WORDPRESS.get(word) ?? (/^\d/.test(word) ? word : '6.8.1')
  const minor = Number(version.split('.')[1])
  if ((version.startsWith('4.') && minor < 8) || (version.startsWith('5.') && minor < 7) || (version.startsWith('6.') && minor > 8)) return undefined
  const php = version.startsWith('4.') ? '5.6.32' : version.startsWith('5.') ? '7.4.29' : (({ '8.0': '8.0.28', '8.1': '8.1.32', '8.2': '8.2.28', '8.3': '8.3.21', '8.4': '8.4.7' } as Record<string, string>)[given ?? (word.startsWith('php') ? word.slice(3) : minor < 3 ? '8.0' : '8.2')] ?? '8.2.28')
  const base = debian({ more: ['curl'], slim: true, release: version.startsWith('4.') ? 'stretch' : version.startsWith('5.') || minor < 3 ? 'bullseye' : 'bookworm' })
  const source = (path: string, text = '<?php // podhop: what it does is built in\n'): [string, string] => [`/usr/src/wordpress/${path}`, text]
  return {
    ...base,
    size: 227_000_000,
    files: { ...base.files, ...Object.fromEntries([source('index.php'), source('wp-login.php'), source('wp-config-sample.php'), source('wp-admin/install.php'), source('wp-includes/version.php', `<?php\n$wp_version = '${version}';\n`), source('wp-content/index.php', '<?php\n// Silence is golden.\n')]) },
    programs: { ...base.programs, '/usr/local/bin/docker-entrypoint.sh': 'wordpress-entrypoint', '/usr/local/bin/apache2-foreground': 'wordpress' },
    owners: { '/var/www/html': { uid: 33, gid: 33, mode: 0o1777 } },
    environment: { PHP_VERSION: php, APACHE_CONFDIR: '/etc/apache2', PHP_INI_DIR: '/usr/local/etc/php' },
    workingDirectory: '/var/www/html', entrypoint: ['docker-entrypoint.sh'], command: ['apache2-foreground'], exposedPorts: ['80/tcp'], stopSignal: 'SIGWINCH',
  }
}

/** docker.io/library/perl: what the Job of kubernetes.io counts with. */
function perl(tag: string): ImageContent | undefined {
  const { version, flavour } = splitTag(tag)
  const [major, minor = 42, patch = 0, ...more] = versionParts(version === 'latest' ? '5' : version) ?? []
  if (major !== 5 || minor % 2 === 1 || minor < 26 || minor > 42 || more.length > 0 || !/^(slim-|)(threaded-?|)(bookworm|bullseye|buster|stretch|trixie|)$|^slim(-threaded)?$/.test(flavour)) return undefined
  const base = debian({ release: minor < 34 ? 'buster' : minor < 36 ? 'bullseye' : 'bookworm', slim: true })
  return {
    ...base, size: flavour.includes('slim') ? 51_000_000 : 336_000_000, programs: { ...base.programs, '/usr/local/bin/perl': 'perl-image' },
    environment: { PERL_VERSION: `5.${minor}.${patch}` }, workingDirectory: '/usr/src/app', directories: [...(base.directories ?? []), '/usr/src/app'], command: ['perl', '-de0'],
  }
}

/** What kubernetes.io's pages about DaemonSets gather logs with; its configuration has no sources until somebody mounts them. */
function fluentdElasticsearch(tag: string): ImageContent | undefined {
  if (!/^v(2\.[0-9]\.\d|3\.[0-4]\.\d|4\.[0-7]\.\d|5\.0\.\d)$/.test(tag)) return undefined
  const base = debian({ slim: true, release: tag.startsWith('v2') ? 'stretch' : 'bullseye' })
  return {
    ...base, size: 67_000_000, programs: { ...base.programs, '/usr/local/bin/fluentd': 'fluentd', '/entrypoint.sh': 'fluentd-elasticsearch' },
    files: { ...base.files, '/etc/fluent/fluent.conf': '<match fluent.**>\n  @type null\n</match>\n\n@include /etc/fluent/config.d/*.conf\n' },
    directories: [...(base.directories ?? []), '/etc/fluent/config.d'], entrypoint: ['/entrypoint.sh'], exposedPorts: ['80/tcp'],
  }
}

export const tutorialRepositories: readonly Repository[] = [
  ...['gcr.io/google-samples', 'us-docker.pkg.dev/google-samples/containers/gke'].flatMap((where) => [{ name: `${where}/node-hello`, tag: nodeHello }, { name: `${where}/hello-go-gke`, tag: helloGo }]),
  { name: 'docker.io/dgkanatsios/simpleapp', tag: simpleApp },
  { name: 'docker.io/luksa/kubia', tag: kubia(/^(latest|v[1-4])$/) },
  { name: 'docker.io/luksa/kubia-unhealthy', tag: kubia(/^latest$/, true) },
  ...['registry.k8s.io', 'k8s.gcr.io'].flatMap((where) => [{ name: `${where}/goproxy`, tag: proxyOfGo }, { name: `${where}/hpa-example`, tag: hpaExample }]),
  ...['registry.k8s.io/e2e-test-images/jessie-dnsutils', 'k8s.gcr.io/e2e-test-images/jessie-dnsutils', 'gcr.io/kubernetes-e2e-test-images/dnsutils', 'gcr.io/kubernetes-e2e-test-images/jessie-dnsutils'].map((name) => ({ name, tag: jessie })),
  { name: 'docker.io/tutum/dnsutils', tag: dnsUtils },
  { name: 'docker.io/infoblox/dnstools', tag: dnsTools },
  { name: 'docker.io/library/bash', tag: bash },
  { name: 'docker.io/library/wordpress', tag: wordpress },
  { name: 'docker.io/library/perl', tag: perl },
  ...['quay.io/fluentd_elasticsearch/fluentd', 'gcr.io/fluentd-elasticsearch/fluentd', 'gcr.io/google-containers/fluentd-elasticsearch'].map((name) => ({ name, tag: fluentdElasticsearch })),
]
