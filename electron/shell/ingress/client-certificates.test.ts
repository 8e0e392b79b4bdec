import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

/** Mutual TLS: kubernetes/ingress-nginx v1.12.2, docs/examples/auth/client-certs and test/e2e/annotations/authtls.go; curl's words are those of 7.88.1 against openssl s_server. */
const AUTHORITY = `
  openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 356 -subj '/CN=My Cert Authority'
  openssl req -new -newkey rsa:2048 -nodes -keyout client.key -out client.csr -subj '/O=Cats, Inc/CN=My Client'
  openssl x509 -req -in client.csr -CA ca.crt -CAkey ca.key -set_serial 02 -out client.crt -days 365
  openssl req -x509 -newkey rsa:2048 -nodes -keyout stranger.key -out stranger.crt -days 3 -subj '/CN=stranger'
  printf 'extendedKeyUsage=serverAuth' > server.ext
  openssl x509 -req -in client.csr -CA ca.crt -CAkey ca.key -set_serial 03 -extfile server.ext -out server.crt -days 365
  cat client.crt client.key > both.pem; echo text > text`

const page = (title: string, words = ''): string => `<html>\n<head><title>${words === '' ? title : `400 ${words}`}</title></head>\n<body>\n<center><h1>${title}</h1></center>\n${words === '' ? '' : `<center>${words}</center>\n`}<hr><center>nginx</center>\n</body>\n</html>\n`

describe('client certificates at ingress-nginx', () => {
  let run: House['run']
  let port: string
  const out = (script: string): string => run(script).output.replaceAll('\r\n', '\n')
  const curl = (options = '', host = 'cats.example.com'): string => out(`curl -sSk --resolve cats.example.com:${port}:172.18.0.3 --resolve open.example.com:${port}:172.18.0.3 ${options} https://${host}:${port}/`)
  const annotate = (annotations: Record<string, string>): string => out(`kubectl annotate --overwrite ingress cats ${Object.entries(annotations).map(([key, value]) => `nginx.ingress.kubernetes.io/auth-tls-${key}${value === '' ? '-' : `='${value}'`}`).join(' ')}; sleep 8`)
  const good = '--cert client.crt --key client.key'
  const bad = '--cert stranger.crt --key stranger.key'

  beforeAll(() => {
    ;({ run } = house({ nodes: 2, ingressController: 'nginx' }))
    run(`${AUTHORITY}
      kubectl create secret generic ca-secret --from-file=ca.crt=ca.crt
      kubectl create deployment web --image=traefik/whoami:v1.11; kubectl expose deployment web --port=80; kubectl rollout status deployment web
      kubectl create ingress cats --class=nginx --rule='cats.example.com/*=web:80' --annotation=nginx.ingress.kubernetes.io/auth-tls-secret=default/ca-secret
      kubectl create ingress open --class=nginx --rule='open.example.com/*=web:80'; sleep 8`)
    port = out("kubectl -n ingress-nginx get svc ingress-nginx-controller -o jsonpath='{.spec.ports[1].nodePort}'")
  })

  it('are asked for, and the backend hears whose they are', () => {
    expect(curl()).toBe(page('400 Bad Request', 'No required SSL certificate was sent'))
    expect(curl(bad)).toBe(page('400 Bad Request', 'The SSL certificate error'))
    // signed by the same authority, but for servers only
    expect(out('openssl x509 -in server.crt -noout -ext extendedKeyUsage')).toContain('TLS Web Server Authentication')
    expect(curl('--cert server.crt --key client.key')).toBe(page('400 Bad Request', 'The SSL certificate error'))
    const heard = curl(`${good} -H 'ssl-client-verify: FAILED' -H 'ssl-client-cert: mine'`)
    expect(heard.match(/^Ssl-.*$/gm)).toEqual(['Ssl-Client-Cert: mine', 'Ssl-Client-Issuer-Dn: CN=My Cert Authority', 'Ssl-Client-Subject-Dn: CN=My Client,O=Cats\\, Inc', 'Ssl-Client-Verify: SUCCESS'])
    expect(curl('', 'open.example.com')).not.toContain('Ssl-')
    expect(out(`openssl s_client -connect 172.18.0.3:${port} -servername cats.example.com </dev/null 2>/dev/null | grep -A1 'client certificate'`)).toBe('Acceptable client certificate CA names\nCN = My Cert Authority\n')
    expect(out(`openssl s_client -connect 172.18.0.3:${port} -servername open.example.com </dev/null 2>/dev/null | grep -A1 'client certificate'`)).toBe('No client certificate CA names sent\nPeer signing digest: SHA256\n')
  })

  it('are of the name in the handshake', () => {
    expect(curl(`${good} -H 'Host: open.example.com'`)).toBe(page('421 Misdirected Request'))
    expect(curl(`${good} -H 'Host: cats.example.com'`, 'open.example.com')).toBe(page('400 Bad Request', 'No required SSL certificate was sent'))
  })

  it('are not asked for in clear text, where a name is still missing', () => {
    const plain = (): string => out(`curl -s -H 'Host: cats.example.com' http://172.18.0.3:$(kubectl -n ingress-nginx get svc ingress-nginx-controller -o jsonpath='{.spec.ports[0].nodePort}')/`)
    expect(plain()).toContain('GET / HTTP/1.1')
    annotate({ 'match-cn': 'CN=My.*' })
    expect(plain()).toBe('client certificate unauthorized')
    expect(curl(good)).toContain('GET / HTTP/1.1')
    annotate({ 'match-cn': 'CN=Other.*' })
    expect(curl(good)).toBe('client certificate unauthorized')
    annotate({ 'match-cn': 'My.*' })
    expect(curl(good)).toBe(page('403 Forbidden'))
    annotate({ 'match-cn': '' })
  })

  it.each([
    ['optional', '', 'NONE'],
    ['optional', good, 'SUCCESS'],
    ['optional', bad, undefined],
    ['optional_no_ca', bad, 'FAILED:self-signed certificate'],
    ['off', bad, 'NONE'],
  ])('auth-tls-verify-client: %s, curl %s: %s', (mode, options, verdict) => {
    annotate({ 'verify-client': mode, 'pass-certificate-to-upstream': 'true' })
    const answer = curl(options)
    expect(/^Ssl-Client-Verify: (.*)$/m.exec(answer)?.[1]).toBe(verdict)
    expect(answer.includes('Ssl-Client-Cert: -----BEGIN%20CERTIFICATE-----%0A')).toBe(verdict !== undefined && verdict !== 'NONE')
  })

  it('send who has none elsewhere; without their Secret nobody gets in', () => {
    annotate({ 'verify-client': 'on', 'error-page': 'https://other.example.com/why.html' })
    expect(curl('-i')).toContain('\nlocation: https://other.example.com/why.html\n')
    expect(out('kubectl -n ingress-nginx exec deploy/ingress-nginx-controller -- cat /etc/nginx/nginx.conf')).toMatch(/\tssl_client_certificate {18}\/etc\/ingress-controller\/ssl\/ca-default-ca-secret\.pem;\n\t+ssl_verify_client {23}on;\n\t+ssl_verify_depth {24}1;\n\s*error_page 495 496 = https:\/\/other\.example\.com\/why\.html;/)
    annotate({ secret: 'default/nope' })
    expect(curl(good)).toBe(page('403 Forbidden'))
    expect(out('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller')).toContain('err="error obtaining certificate: local SSL certificate default/nope was not found" name="CertificateAuth" ingress="default/cats"')
  })

  it('are read by curl as openssl reads them', () => {
    expect(out(`for how in '--cert no.crt --key client.key' '--cert text --key client.key' '--cert client.crt --key no.key' '--cert client.crt --key text' '--cert client.crt' '--cert stranger.crt --key client.key' '-E both.pem:secret'; do curl -sSk -o /dev/null $how https://172.18.0.3:${port}/; echo $?; done`)).toBe(
      `curl: (58) could not load PEM client certificate from no.crt, OpenSSL error error:80000002:system library::No such file or directory, (no key found, wrong pass phrase, or wrong file format?)
58
curl: (58) could not load PEM client certificate from text, OpenSSL error error:0480006C:PEM routines::no start line, (no key found, wrong pass phrase, or wrong file format?)
58
curl: (58) unable to set private key file: 'no.key' type PEM
58
curl: (58) unable to set private key file: 'text' type PEM
58
curl: (58) unable to set private key file: 'client.crt' type PEM
58
curl: (58) unable to set private key file: 'client.key' type PEM
58
0
`)
    annotate({ secret: 'default/ca-secret' })
    const heard = curl(`-v -o /dev/null ${good}`)
    // curl 7.88.1 against openssl s_server -Verify 1: the request, its answer of 18 bytes and a name, and the proof
    expect(heard).toMatch(/Request CERT \(13\):\n\{ \[83 bytes data\]\n/)
    expect(heard).toMatch(/Change cipher spec \(1\):\n\} \[1 bytes data\]\n\* TLSv1\.3 \(OUT\), TLS handshake, Certificate \(11\):\n\} \[\d+ bytes data\]\n\* TLSv1\.3 \(OUT\), TLS handshake, CERT verify \(15\):\n\} \[264 bytes data\]\n\* TLSv1\.3 \(OUT\), TLS handshake, Finished \(20\):/)
    expect(curl('-v -o /dev/null')).toMatch(/Change cipher spec \(1\):\n\} \[1 bytes data\]\n\* TLSv1\.3 \(OUT\), TLS handshake, Certificate \(11\):\n\} \[8 bytes data\]\n\* TLSv1\.3 \(OUT\), TLS handshake, Finished \(20\):/)
  })

  it('say to the API server who asks', () => {
    const output = out(`
      server=$(kubectl config view -o jsonpath='{.clusters[0].cluster.server}')
      hop node control-plane -- cat /etc/kubernetes/pki/ca.crt > cluster.crt
      openssl genrsa -out jane.key 2048 2>/dev/null; openssl req -new -key jane.key -out jane.csr -subj /CN=jane/O=devs
      printf '{apiVersion: certificates.k8s.io/v1, kind: CertificateSigningRequest, metadata: {name: jane}, spec: {request: %s, signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}}' $(base64 -w0 jane.csr) | kubectl apply -f - >/dev/null
      kubectl certificate approve jane >/dev/null; sleep 2; kubectl get csr jane -o jsonpath='{.status.certificate}' | base64 -d > jane.crt
      ask() { curl -s --cacert cluster.crt "$@" $server/api/v1/namespaces/default/pods | grep -m1 -o -E 'User \\\\"[a-z:]+|PodList|Unauthorized'; }
      ask; ask --cert jane.crt --key jane.key
      kubectl create rolebinding jane --clusterrole view --group devs >/dev/null
      ask --cert jane.crt --key jane.key; ask --cert client.crt --key client.key`)
    expect(output).toBe('User \\"system:anonymous\nUser \\"jane\nPodList\nUnauthorized\n')
  })
})

it('whoami -cacert lets nobody in whose certificate is not of it', () => {
  const { run } = house({ nodes: 1 })
  run(`${AUTHORITY}
    openssl req -x509 -newkey rsa:2048 -nodes -keyout s.key -out s.crt -days 3 -subj /CN=who; kubectl create secret generic who --from-file=s.crt --from-file=s.key --from-file=ca.crt`)
  run('kubectl apply -f -; kubectl wait --for=condition=Ready pod/who', JSON.stringify({
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'who' }, spec: { containers: [{ name: 'c', image: 'traefik/whoami:v1.11', args: ['-cert', '/s/s.crt', '-key', '/s/s.key', '-cacert', '/s/ca.crt'], volumeMounts: [{ name: 's', mountPath: '/s' }] }], volumes: [{ name: 's', secret: { secretName: 'who' } }], nodeName: 'control-plane' },
  }))
  expect(run("ip=$(kubectl get pod who -o jsonpath='{.status.podIP}'); for how in '' '--cert stranger.crt --key stranger.key' '--cert client.crt --key client.key'; do kubectl port-forward pod/who 8443:80 >/dev/null & sleep 1; curl -sk $how https://127.0.0.1:8443/ -o out; echo $?; kill %1; wait 2>/dev/null; done; head -1 out").output).toMatch(/^56\n[^]*56\n[^]*0\n[^]*Hostname: who\n$/)
})

/** Traefik v3.3.6: TLSOption (pkg/tls/tlsmanager.go), passTLSClientCert, and against domain fronting pkg/middlewares/snicheck. */
describe("Traefik's TLS options", () => {
  let run: House['run']
  let port: string
  const out = (script: string, stdin = ''): string => run(script, stdin).output.replaceAll('\r\n', '\n')
  const curl = (host: string, options = ''): string => out(`curl -sSk --resolve ${host}:${port}:172.18.0.3 ${options} https://${host}:${port}/`)
  const option = (spec: object): string => out('kubectl apply -f -; sleep 4', JSON.stringify({ apiVersion: 'traefik.io/v1alpha1', kind: 'TLSOption', metadata: { name: 'mine', namespace: 'default' }, spec }))
  const route = (name: string, middlewares: string[], tls: object): object => ({
    apiVersion: 'traefik.io/v1alpha1', kind: 'IngressRoute', metadata: { name }, spec: { entryPoints: ['websecure'], routes: [{ match: `Host(\`${name}.example.com\`)`, kind: 'Rule', middlewares: middlewares.map((m) => ({ name: m })), services: [{ name: 'web', port: 80 }] }], tls },
  })
  const good = '--cert client.crt --key client.key'
  const bad = '--cert stranger.crt --key stranger.key'
  const refused = (words: string): string => expect.stringMatching(new RegExp(`^curl: \\(56\\) OpenSSL SSL_read: OpenSSL/3\\.0\\.\\d+: error:${words}, errno 0\\n$`)) as string

  beforeAll(() => {
    ;({ run } = house({ nodes: 2, ingressController: 'traefik' }))
    out(`${AUTHORITY}
      kubectl create secret generic client-ca --from-file=ca.crt=ca.crt
      kubectl create deployment web --image=traefik/whoami:v1.11; kubectl expose deployment web --port=80; kubectl rollout status deployment web`)
    const info = { subject: { commonName: true, organization: true }, issuer: { commonName: true }, serialNumber: true }
    out('kubectl apply -f -', [
      { apiVersion: 'traefik.io/v1alpha1', kind: 'Middleware', metadata: { name: 'pass' }, spec: { passTLSClientCert: { pem: true, info } } },
      route('cats', ['pass'], { options: { name: 'mine' } }), route('open', [], {}),
    ].map((object) => JSON.stringify(object)).join('\n---\n'))
    port = out("kubectl -n traefik get svc traefik -o jsonpath='{.spec.ports[?(@.name==\"websecure\")].nodePort}'")
  })

  it('that nobody has made put their routers out of use', () => {
    out('sleep 4')
    expect(curl('cats.example.com')).toMatch(/^curl: \(35\) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to cats\.example\.com:\d+ \n$/)
    expect(out('kubectl -n traefik logs deploy/traefik')).toContain('ERR error="unknown TLS options: default-mine@kubernetescrd" entryPointName=websecure routerName=default-cats-')
  })

  it.each([
    ['RequireAndVerifyClientCert', '', refused('0A00045C:SSL routines::tlsv13 alert certificate required')],
    ['RequireAndVerifyClientCert', bad, refused('0A000418:SSL routines::tlsv1 alert unknown ca')],
    ['RequireAndVerifyClientCert', good, expect.stringContaining('\nGET / HTTP/1.1\n') as string],
    ['RequireAnyClientCert', '', refused('0A00045C:SSL routines::tlsv13 alert certificate required')],
    ['RequireAnyClientCert', bad, expect.stringContaining('\nGET / HTTP/1.1\n') as string],
    ['VerifyClientCertIfGiven', '', expect.stringContaining('\nGET / HTTP/1.1\n') as string],
    ['VerifyClientCertIfGiven', bad, refused('0A000418:SSL routines::tlsv1 alert unknown ca')],
    ['NoClientCert', bad, expect.not.stringContaining('X-Forwarded-Tls-Client-Cert') as string],
  ])('clientAuthType %s, curl %s', (clientAuthType, options, answer) => {
    option({ clientAuth: { secretNames: ['client-ca'], clientAuthType } })
    expect(curl('cats.example.com', options)).toEqual(answer)
    expect(curl('cats.example.com', `${options} --http1.1`)).toEqual(answer)
  })

  it('tell the servers whose certificate it was; who asks for another name is misdirected', () => {
    option({ clientAuth: { secretNames: ['client-ca'] } })
    const answer = curl('cats.example.com', good)
    expect(answer).toContain('\nX-Forwarded-Tls-Client-Cert-Info: Subject%3D%22O%3DCats%2C+Inc%2CCN%3DMy+Client%22%3BIssuer%3D%22CN%3DMy+Cert+Authority%22%3BSerialNumber%3D%222%22\n')
    expect(/^X-Forwarded-Tls-Client-Cert: (.*)$/m.exec(answer)![1]).toBe(out('openssl x509 -in client.crt | grep -v -- ---- | tr -d "\\n"'))
    expect(curl('open.example.com')).not.toContain('X-Forwarded-Tls')
    expect(curl('open.example.com', "-w '%{http_code}' -H 'Host: cats.example.com'")).toBe('Misdirected Request\n421')
    expect(curl('open.example.com', "-o /dev/null -w '%{http_code}' -H 'Host: nobody.example.com'")).toBe('404')
  })

  it('close without a certificate for the name (sniStrict), and say what is wrong with them', () => {
    option({ sniStrict: true, alpnProtocols: ['http/1.1'] })
    expect(curl('cats.example.com')).toMatch(/^curl: \(35\) OpenSSL\/3\.0\.\d+: error:0A000458:SSL routines::tlsv1 unrecognized name\n$/)
    out("openssl req -x509 -newkey rsa:2048 -nodes -keyout s.key -out s.crt -days 3 -subj /CN=cats -addext subjectAltName=DNS:cats.example.com 2>/dev/null; kubectl create secret tls cats --cert=s.crt --key=s.key; kubectl patch ingressroute cats --type merge -p '{\"spec\":{\"tls\":{\"secretName\":\"cats\"}}}'; sleep 4")
    expect(curl('cats.example.com', "-o /dev/null -w '%{http_code} %{http_version}'")).toBe('200 1.1')
    expect(curl('open.example.com', "-o /dev/null -w '%{http_code} %{http_version}'")).toBe('200 2')
    option({ maxVersion: 'VersionTLS12', clientAuth: { secretNames: ['nope'], clientAuthType: 'RequireAndVerifyClientCert' } })
    const log = out('kubectl -n traefik logs deploy/traefik')
    expect(log).toContain('WRN Secret default/nope does not exist namespace=default')
    expect(log).toContain('WRN podhop: not simulated: maxVersion VersionTLS12 of TLSOption default/mine (TLS 1.3 is spoken)\n')
    expect(log).toContain('ERR error="building TLS config: invalid clientAuthType: RequireAndVerifyClientCert, CAFiles is required" entryPointName=websecure routerName=default-cats-')
  })

  it('hold for TLS that an IngressRouteTCP ends, too; options that nobody has made close the connection', () => {
    const tcp = (name: string, options: string): object => ({ apiVersion: 'traefik.io/v1alpha1', kind: 'IngressRouteTCP', metadata: { name }, spec: { entryPoints: ['websecure'], routes: [{ match: `HostSNI(\`${name}.example.com\`)`, services: [{ name: 'web', port: 80 }] }], tls: { options: { name: options } } } })
    const asked = { apiVersion: 'traefik.io/v1alpha1', kind: 'TLSOption', metadata: { name: 'asked' }, spec: { alpnProtocols: ['http/1.1'], clientAuth: { secretNames: ['client-ca'], clientAuthType: 'RequireAndVerifyClientCert' } } }
    out('kubectl apply -f -; sleep 5', [asked, tcp('guarded', 'asked'), tcp('unmade', 'nowhere')].map((o) => JSON.stringify(o)).join('\n---\n'))
    expect(curl('guarded.example.com', good)).toMatch(/^Hostname: web-/)
    expect(curl('guarded.example.com')).toMatch(/^curl: \(56\) .*certificate required, errno 0\n$/)
    expect(curl('guarded.example.com', bad)).toMatch(/^curl: \(56\) .*(bad|unknown) (certificate|ca), errno 0\n$/)
    expect(curl('unmade.example.com', good)).toMatch(/^curl: \(35\) /)
    expect(out('kubectl -n traefik logs deploy/traefik')).toContain('ERR error="unknown TLS options: default-nowhere@kubernetescrd" entryPointName=websecure routerName=default-unmade-')
  })
})
