import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { Served } from './served.samples.ts'

const MISSING = ['kubectl', 'openssl'].filter((tool) => spawnSync(tool, ['version']).error)
if (MISSING.length > 0) console.warn(`SKIPPED: who asks on the API's port is not held against the real kubectl: ${MISSING.join(' and ')} missing`)

describe.skipIf(MISSING.length > 0)('who the real kubectl is on the port of the API', () => {
  const served = new Served()
  const folder = mkdtempSync(join(tmpdir(), 'podhop-identities-'))
  const file = (name: string): string => join(folder, name)
  const openssl = (...words: string[]): void => void execFileSync('openssl', words, { stdio: 'ignore' })
  const kubectl = (...words: string[]): Promise<{ stdout: string; stderr: string; code: number }> => new Promise((resolve) => {
    execFile('kubectl', words, { env: { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: file('config') } }, (error, stdout, stderr) => resolve({ stdout, stderr, code: Number(error?.code ?? 0) }))
  })
  const said = async (...words: string[]): Promise<string> => {
    const { stdout, stderr } = await kubectl(...words)
    return stdout + stderr
  }

  beforeAll(async () => {
    await served.start()
    writeFileSync(file('config'), readFileSync(served.server.kubeconfig), { mode: 0o600 })
    // jane's key is made outside, an authority in the cluster signs her request
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file('jane.key'))
    openssl('req', '-new', '-key', file('jane.key'), '-subj', '/CN=jane/O=developers', '-out', file('jane.csr'))
    writeFileSync(file('csr.json'), JSON.stringify({
      apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name: 'jane' },
      spec: { request: readFileSync(file('jane.csr')).toString('base64'), signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] },
    }))
    expect(await said('apply', '-f', file('csr.json'))).toBe('certificatesigningrequest.certificates.k8s.io/jane created\n')
    expect(await said('certificate', 'approve', 'jane')).toBe('certificatesigningrequest.certificates.k8s.io/jane approved\n')
    served.desk.session.input({ kind: 'time', advance: 1000 })
    writeFileSync(file('jane.crt'), Buffer.from(await said('get', 'csr', 'jane', '-o', 'jsonpath={.status.certificate}'), 'base64'))
    await kubectl('config', 'set-credentials', 'jane', `--client-certificate=${file('jane.crt')}`, `--client-key=${file('jane.key')}`)
    await kubectl('config', 'set-context', 'jane', '--cluster=podhop', '--user=jane')
    await kubectl('run', 'web', '--image=nginx')
    served.desk.session.input({ kind: 'time', advance: 20_000 })
  })
  afterAll(async () => {
    await served.close()
    rmSync(folder, { recursive: true })
  })

  it('is whom its certificate says: CN the user, O the groups', async () => {
    expect(await said('auth', 'whoami', '--context=jane')).toMatch(/^ATTRIBUTE +VALUE\nUsername +jane\nGroups +\[developers system:authenticated\]\nExtra: authentication\.kubernetes\.io\/credential-id +\[X509SHA256=[0-9a-f]{64}\]\n$/)
    expect(await said('auth', 'whoami')).toMatch(/\nUsername +kubernetes-admin\n/)
  })

  it('may do what his roles let him, also on streams; what is there is not told before', async () => {
    const forbidden = (verb: string, what: string): string => `Error from server (Forbidden): pods${what} is forbidden: User "jane" cannot ${verb} resource "pods" in API group "" in the namespace "default"\n`
    expect(await said('--context=jane', 'get', 'pods')).toBe(forbidden('list', ''))
    expect(await said('--context=jane', 'get', 'pod', 'none')).toBe(forbidden('get', ' "none"'))
    expect(await said('--context=jane', 'delete', 'pod', 'web')).toBe(forbidden('delete', ' "web"'))
    expect(await said('--context=jane', 'get', '--raw', '/apis/none.example.com/v1/things')).toBe('Error from server (Forbidden): things.none.example.com is forbidden: User "jane" cannot list resource "things" in API group "none.example.com" at the cluster scope\n')
    await kubectl('create', 'role', 'reader', '--verb=get,list', '--resource=pods')
    await kubectl('create', 'rolebinding', 'developers', '--role=reader', '--group=developers')
    expect(await said('--context=jane', 'get', 'pods', '-o', 'name')).toBe('pod/web\n')
    expect(await said('--context=jane', 'exec', 'web', '--', 'hostname')).toMatch(/^Error from server \(Forbidden\): pods "web" is forbidden: User "jane" cannot (get|create) resource "pods\/exec" in API group "" in the namespace "default"\n$/)
    await kubectl('create', 'role', 'entrant', '--verb=get,create', '--resource=pods/exec')
    await kubectl('create', 'rolebinding', 'entrants', '--role=entrant', '--user=jane')
    expect(await said('--context=jane', 'exec', 'web', '--', 'hostname')).toBe('web\n')
    expect(await said('--context=jane', 'get', 'pods', '--as=admin', '--as-group=system:masters')).toBe('Error from server (Forbidden): users "admin" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope\n')
  })

  it('is nobody with a certificate of another authority', async () => {
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', file('ca.key'), '-out', file('ca.crt'), '-subj', '/CN=kubernetes', '-days', '30')
    openssl('x509', '-req', '-in', file('jane.csr'), '-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-CAcreateserial', '-out', file('other.crt'), '-days', '30')
    await kubectl('config', 'set-credentials', 'other', `--client-certificate=${file('other.crt')}`, `--client-key=${file('jane.key')}`)
    expect(await said('--user=other', 'get', 'pods')).toBe('error: You must be logged in to the server (Unauthorized)\n')
  })

  it("takes ServiceAccounts' tokens as the API server does", async () => {
    const token = (await said('create', 'token', 'default')).trim()
    await kubectl('config', 'set-credentials', 'account', `--token=${token}`)
    expect(await said('--user=account', 'get', 'nodes')).toBe('Error from server (Forbidden): nodes is forbidden: User "system:serviceaccount:default:default" cannot list resource "nodes" in API group "" at the cluster scope\n')
    await kubectl('config', 'set-credentials', 'account', `--token=${token.slice(0, -8)}xxxxxxxx`)
    expect(await said('--user=account', 'get', 'nodes')).toBe('error: You must be logged in to the server (Unauthorized)\n')
  })

  it('opens nothing to who has a certificate but has not read the kubeconfig', async () => {
    await kubectl('config', 'set', 'clusters.blind.server', served.server.url)
    await kubectl('config', 'set', 'clusters.blind.certificate-authority-data', Buffer.from(served.ca).toString('base64'))
    expect(await said('--cluster=blind', '--user=jane', 'auth', 'whoami')).toBe('error: You must be logged in to the server (Unauthorized)\n')
    // the administrator's token is as good as it was
    expect(await said('--cluster=blind', 'get', 'pods', '-o', 'name')).toBe('pod/web\n')
  })

  it('is anonymous to who shows nothing', async () => {
    const { clusters } = parse(readFileSync(file('config'), 'utf8')) as { clusters: { name: string; cluster: Record<string, string> }[] }
    const servername = clusters.find(({ name }) => name === 'podhop')!.cluster['tls-server-name']!
    const text = await new Promise<string>((resolve, reject) => {
      request(`${served.server.url}/api/v1/nodes`, { ca: served.ca, servername, agent: false }, (response) => {
        response.on('data', (data: Buffer) => resolve(data.toString()))
      }).on('error', reject).end()
    })
    expect(JSON.parse(text)).toMatchObject({ code: 403, message: 'nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group "" at the cluster scope' })
  })
})
