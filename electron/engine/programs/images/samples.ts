import { debian, ubuntu } from './bases.ts'
import { versionParts, type ImageContent, type Repository } from './build.ts'

/** Small servers that people show things with: most of them have no shell. */
const BARE = ['/etc', '/proc', '/sys', '/dev', '/tmp', '/home/nonroot']
const NOBODY_FILES = { '/etc/passwd': 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' }

function helloApp(tag: string): ImageContent | undefined {
  if (!/^[12]\.0$/.test(tag)) return undefined
  return {
    size: 11_516_432,
    directories: BARE,
    files: NOBODY_FILES,
    programs: { '/hello-app': `hello-app-${tag}` },
    command: ['/hello-app'],
    environment: { PORT: '8080', SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt' },
    user: { uid: 65532, gid: 65532, name: 'nonroot' },
  }
}

function whoami(tag: string): ImageContent | undefined {
  const parts = versionParts(tag)
  if (tag !== 'latest' && !(parts && parts[0] === 1 && (parts[1] ?? 0) <= 11)) return undefined
  return { size: 2_783_417, directories: ['/etc', '/proc', '/sys', '/dev'], programs: { '/whoami': 'whoami-server' }, entrypoint: ['/whoami'], quiet: ['WHOAMI_PORT_NUMBER'], exposedPorts: ['80/tcp'] }
}

function httpbin(tag: string): ImageContent | undefined {
  if (tag !== 'latest') return undefined
  const base = ubuntu('18.04')
  return {
    ...base,
    size: 150_263_221,
    programs: { ...base.programs, '/usr/local/bin/gunicorn': 'gunicorn-httpbin' },
    command: ['gunicorn', '-b', '0.0.0.0:80', 'httpbin:app', '-k', 'gevent'],
    environment: { LC_ALL: 'C.UTF-8', LANG: 'C.UTF-8' },
    exposedPorts: ['80/tcp'],
  }
}

function echoserver(tag: string): ImageContent | undefined {
  if (tag !== '1.4' && tag !== '1.10' && tag !== '2.2') return undefined
  const base = debian({ slim: true })
  return {
    ...base,
    size: tag === '1.4' ? 43_227_162 : 35_918_242,
    programs: { ...base.programs, '/usr/sbin/nginx': `echoserver-${tag}`, '/usr/local/bin/run.sh': `echoserver-${tag}` },
    command: tag === '1.4' ? ['nginx', '-g', 'daemon off;'] : ['run.sh'],
    exposedPorts: tag === '1.4' ? ['80/tcp', '443/tcp'] : ['8080/tcp', '8443/tcp'],
  }
}

/** The Death Star and the ships of Cilium's tutorials. Its image's tag in the examples is a digest. */
function starwars(tag: string): ImageContent | undefined {
  if (tag !== 'latest' && !/^v[12]\.\d$/.test(tag)) return undefined
  const base = debian({ more: ['curl'], slim: true })
  return { ...base, size: 116_842_304, programs: { ...base.programs, '/go/bin/app': 'deathstar' }, command: ['/go/bin/app', '--port', '80', '--host', '0.0.0.0'] }
}

function jsonMock(tag: string): ImageContent | undefined {
  if (tag !== 'latest' && !/^(v\d+\.\d+\.\d+|1\.\d+)$/.test(tag)) return undefined
  const base = debian({ more: ['curl'], slim: true })
  const data = { private: [{ id: 1, body: 'secret information' }], public: [{ id: 1, body: 'public information' }] }
  return {
    ...base, size: 76_219_533, programs: { ...base.programs, '/usr/local/bin/json-server': 'json-server' }, files: { ...base.files, '/default.json': `${JSON.stringify(data, null, 2)}\n` },
    entrypoint: ['json-server'],
  }
}

/** Calico's stars demo. */
const starTag = (tag: string): boolean => /^(latest|multiarch|v0\.\d\.\d)$/.test(tag)
function starImage(program: 'probe' | 'collect'): (tag: string) => ImageContent | undefined {
  return (tag) => (starTag(tag) ? { ...debian({ slim: true }), size: 62_417_208, programs: { ...debian({ slim: true }).programs, [`/usr/local/bin/${program}`]: `star-${program}` }, command: [program] } : undefined)
}

/** Two versions, which "Learn Kubernetes Basics" rolls out and back. */
function bootcamp(tag: string): ImageContent | undefined {
  const version = /^v([12])$/.exec(tag)?.[1]
  if (version === undefined) return undefined
  const base = debian({ more: ['curl', 'ps'], release: 'stretch' })
  return {
    ...base,
    size: 77_331_968,
    files: { ...base.files, '/server.js': '// podhop: a server on port 8080 that says on which Pod it runs; what it does is built in\n' },
    programs: { ...base.programs, '/usr/local/bin/node': `kubernetes-bootcamp-v${version}` },
    command: ['/bin/sh', '-c', 'node server.js'],
    environment: { NPM_CONFIG_LOGLEVEL: 'info', NODE_VERSION: '6.3.1' },
    exposedPorts: ['8080/tcp'],
  }
}

function echoServer(tag: string): ImageContent | undefined {
  return tag === '1.0' || tag === 'latest' ? { size: 4_940_212, directories: ['/etc', '/proc', '/sys', '/dev', '/bin'], programs: { '/bin/echo-server': 'echo-server' }, entrypoint: ['/bin/echo-server'], environment: { PORT: '8080' }, exposedPorts: ['8080/tcp'] } : undefined
}

export const sampleRepositories: readonly Repository[] = [
  ...['gcr.io/google-samples/hello-app', 'us-docker.pkg.dev/google-samples/containers/gke/hello-app'].map((name) => ({ name, tag: helloApp })),
  ...['docker.io/traefik/whoami', 'docker.io/containous/whoami'].map((name) => ({ name, tag: whoami })),
  ...['quay.io/cilium/starwars', 'docker.io/cilium/starwars'].map((name) => ({ name, tag: starwars })),
  ...['quay.io/cilium/json-mock', 'docker.io/cilium/json-mock'].map((name) => ({ name, tag: jsonMock })),
  { name: 'docker.io/calico/star-probe', tag: starImage('probe') },
  { name: 'docker.io/calico/star-collect', tag: starImage('collect') },
  { name: 'docker.io/kennethreitz/httpbin', tag: httpbin },
  ...['registry.k8s.io/echoserver', 'k8s.gcr.io/echoserver', 'gcr.io/google_containers/echoserver', 'gcr.io/google-containers/echoserver'].map((name) => ({ name, tag: (tag: string) => (tag === '2.2' ? undefined : echoserver(tag)) })),
  ...['gcr.io/google-samples/kubernetes-bootcamp', 'docker.io/jocatalin/kubernetes-bootcamp'].map((name) => ({ name, tag: bootcamp })),
  ...['gcr.io/kubernetes-e2e-test-images/echoserver', 'registry.k8s.io/e2e-test-images/echoserver', 'k8s.gcr.io/e2e-test-images/echoserver'].map((name) => ({ name, tag: (tag: string) => (/^2\.[0-5]$/.test(tag) ? echoserver('2.2') : undefined) })),
  { name: 'docker.io/kicbase/echo-server', tag: echoServer },
  { name: 'docker.io/jmalloc/echo-server', tag: (tag) => (/^(latest|v?0\.3\.\d)$/.test(tag) ? echoServer('latest') : undefined) },
]
