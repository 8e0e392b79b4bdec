import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { house } from '../house.samples.ts'

const md5 = (text: string): string => createHash('md5').update(text).digest('hex')

it('digestAuth: a challenge, its answer by curl --digest, and each answer once', () => {
  const { run } = house({ ingressController: 'traefik' })
  run(`kubectl create deployment who --image=traefik/whoami:v1.11; kubectl expose deployment who --port=80; kubectl rollout status deployment who
    kubectl create secret generic users --from-literal=users='test:traefik:${md5('test:traefik:secret')}'
    kubectl apply -f - <<'END'
{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {name: digest}, spec: {digestAuth: {secret: users, headerField: X-User, removeHeader: true}}}
---
{apiVersion: traefik.io/v1alpha1, kind: IngressRoute, metadata: {name: who}, spec: {entryPoints: [web], routes: [{match: Host(\`a.example.com\`), kind: Rule, middlewares: [{name: digest}], services: [{name: who, port: 80}]}]}}
END
    sleep 5`)
  const port = run(`kubectl -n traefik get svc traefik -o jsonpath='{.spec.ports[0].nodePort}'`).output
  const curl = (options: string): string => run(`curl -s ${options} -H 'Host: a.example.com' 'http://172.18.0.3:${port}/x?y=1'`).output.replaceAll('\r\n', '\n')
  expect(curl('-i')).toMatch(/^HTTP\/1\.1 401 Unauthorized\n[^]*Www-Authenticate: Digest realm="traefik", nonce="[A-Za-z0-9+/]{16}", opaque="[A-Za-z0-9+/]{16}", algorithm=MD5, qop="auth"\n[^]*\n\n401 Unauthorized\n$/)
  const answer = curl('--digest -u test:secret -d hello')
  expect(answer).toMatch(/^POST \/x\?y=1 HTTP\/1\.1\n[^]*Content-Length: 5\n[^]*X-User: test\n/m)
  expect(answer).not.toContain('Authorization')
  expect(['test:wrong', 'nobody:secret'].map((user) => curl(`--digest -u ${user} -o /dev/null -w '%{http_code}'`))).toEqual(['401', '401'])
  expect(curl("-u test:secret -o /dev/null -w '%{http_code}'")).toBe('401')
  // what it sends, checked by another's MD5
  const said = curl('-v --digest -u test:secret -o /dev/null 2>&1')
  expect(said).toMatch(/\* Server auth using Digest with user 'test'\n> GET \/x\?y=1 HTTP\/1\.1\n> Host: a\.example\.com\n> User-Agent[^]*< HTTP\/1\.1 401 Unauthorized[^]*\* Ignoring the response-body\n[^]*\* Issue another request to this URL: 'http:\/\/172\.18\.0\.3:\d+\/x\?y=1'\n[^]*\* Re-using existing connection #0[^]*\* Server auth using Digest with user 'test'\n/)
  const [, line = ''] = /^> Authorization: (Digest .*)$/m.exec(said) ?? []
  const of = (name: string): string => new RegExp(`[ ,]${name}="?([^",]*)"?(,|$)`).exec(line)?.[1] ?? ''
  expect(line).toMatch(/^Digest username="test", realm="traefik", nonce="[^"]+", uri="\/x\?y=1", cnonce="[A-Za-z0-9+/]+=*", nc=00000001, qop=auth, response="[0-9a-f]{32}", opaque="[^"]+", algorithm=MD5$/)
  expect(of('response')).toBe(md5(`${md5('test:traefik:secret')}:${of('nonce')}:00000001:${of('cnonce')}:auth:${md5('GET:/x?y=1')}`))
  // the same once more is somebody who has listened
  expect(curl(`-i -H '${`Authorization: ${line}`}'`)).toMatch(/^HTTP\/1\.1 401 Unauthorized\n[^]*qop="auth", stale=true\n/)
})
