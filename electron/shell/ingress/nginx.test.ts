import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const NODE = '172.18.0.3'

/** Ports of the controller's Service: plain, TLS. */
function ports(run: House['run'], service: string): [string, string] {
  return run(`kubectl -n ${service.split('/')[0]} get svc ${service.split('/')[1]} -o jsonpath='{.spec.ports[0].nodePort} {.spec.ports[1].nodePort}'`).output.split(' ') as [string, string]
}

describe('HTTPS through the NGINX Ingress controller', () => {
  let run: House['run']
  let http: string
  let https: string
  /** curl for a host at the controller's TLS port. */
  let curl: (host: string, path: string, options?: string) => { output: string; code: number | undefined }
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'nginx' }))
    run(`kubectl create deployment web --image=traefik/whoami:v1.11; kubectl expose deployment web --port=80
      kubectl create deployment canary --image=hashicorp/http-echo -- /http-echo -text=canary; kubectl expose deployment canary --port=80 --target-port=5678
      kubectl create ingress web --class=nginx --rule="shop.example.com/*=web:80,tls=shop-tls"
      kubectl create ingress bare --class=nginx --rule="bare.example.com/*=web:80,tls=nowhere"
      kubectl rollout status deployment web canary`)
    const made = run(`openssl req -x509 -newkey rsa:2048 -nodes -keyout shop.key -out shop.crt -days 30 -subj "/O=Shop/CN=shop.example.com" -addext "subjectAltName=DNS:shop.example.com" 2>/dev/null && kubectl create secret tls shop-tls --cert=shop.crt --key=shop.key`)
    expect(made).toEqual({ output: 'secret/shop-tls created\n', code: 0 })
    run('sleep 5')
    ;[http, https] = ports(run, 'ingress-nginx/ingress-nginx-controller')
    curl = (host, path, options = '') => run(`curl -s ${options} --resolve ${host}:${https}:${NODE} https://${host}:${https}${path}`)
  })

  it('a certificate that nobody signed is not believed, until one says so', () => {
    const refused = curl('shop.example.com', '/', '-S')
    expect([refused.code, refused.output.split('\n')[0]]).toEqual([60, 'curl: (60) SSL certificate problem: self-signed certificate'])
    expect(curl('shop.example.com', '/', '--cacert shop.crt').output).toMatch(/X-Forwarded-Proto: https\r?\n/)
    expect(curl('shop.example.com', '/', '-k').output).toMatch(/X-Scheme: https\r?\n/)
  })

  it('curl -v tells of the handshake and the certificate', () => {
    const { output } = curl('shop.example.com', '/', '-v --cacert shop.crt -o /dev/null')
    expect(output.replaceAll(https, 'PORT').split('* h2h3')[0]).toBe(`* Added shop.example.com:PORT:${NODE} to DNS cache
* Hostname shop.example.com was found in DNS cache
*   Trying ${NODE}:PORT...
* Connected to shop.example.com (${NODE}) port PORT (#0)
* ALPN: offers h2,http/1.1
} [5 bytes data]
* TLSv1.3 (OUT), TLS handshake, Client hello (1):
} [512 bytes data]
*  CAfile: shop.crt
*  CApath: /etc/ssl/certs
{ [5 bytes data]
* TLSv1.3 (IN), TLS handshake, Server hello (2):
{ [122 bytes data]
* TLSv1.3 (IN), TLS handshake, Encrypted Extensions (8):
{ [19 bytes data]
* TLSv1.3 (IN), TLS handshake, Certificate (11):
{ [${/Certificate \(11\):\n\{ \[(\d+) bytes/.exec(output)?.[1]} bytes data]
* TLSv1.3 (IN), TLS handshake, CERT verify (15):
{ [264 bytes data]
* TLSv1.3 (IN), TLS handshake, Finished (20):
{ [52 bytes data]
* TLSv1.3 (OUT), TLS change cipher, Change cipher spec (1):
} [1 bytes data]
* TLSv1.3 (OUT), TLS handshake, Finished (20):
} [52 bytes data]
* SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384
* ALPN: server accepted h2
* Server certificate:
*  subject: O=Shop; CN=shop.example.com
*  start date: ${/start date: (.*)/.exec(output)?.[1]}
*  expire date: ${/expire date: (.*)/.exec(output)?.[1]}
*  subjectAltName: host "shop.example.com" matched cert's "shop.example.com"
*  issuer: O=Shop; CN=shop.example.com
*  SSL certificate verify ok.
} [5 bytes data]
* using HTTP/2
`)
    expect(output).toContain('* TLSv1.3 (IN), TLS handshake, Newsession Ticket (4):\n')
    expect(output).toContain('< strict-transport-security: max-age=31536000; includeSubDomains\n')
  })

  it('without a Secret, or without a host, the controller shows the certificate that it made up', () => {
    expect(curl('bare.example.com', '/', '-kv -o /dev/null').output).toContain('*  subject: O=Acme Co; CN=Kubernetes Ingress Controller Fake Certificate\n')
    expect(run(`curl -sv -k https://${NODE}:${https}/`).output).toMatch(/CN=Kubernetes Ingress Controller Fake Certificate\n[^]*< HTTP\/2 404 \n/)
    expect(run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller').output).toContain('Error getting SSL certificate "default/nowhere": local SSL certificate default/nowhere was not found. Using default certificate')
  })

  it('sends plain requests to HTTPS, but not those of hosts without TLS', () => {
    const plain = (host: string): string => run(`curl -s -o /dev/null -w '%{http_code} %{redirect_url}' -H 'Host: ${host}' http://${NODE}:${http}/a?b=c`).output
    expect(plain('shop.example.com')).toBe('308 https://shop.example.com/a?b=c')
    run('kubectl annotate ingress web nginx.ingress.kubernetes.io/ssl-redirect=false; sleep 5')
    expect(plain('shop.example.com')).toBe('200 ')
    run('kubectl annotate ingress web nginx.ingress.kubernetes.io/force-ssl-redirect=true; sleep 5')
    expect(plain('shop.example.com')).toBe('308 https://shop.example.com/a?b=c')
    expect(run(`curl -s http://${NODE}:${https}/`).output).toContain('The plain HTTP request was sent to HTTPS port')
  })

  it.each([
    ['app-root=/start', '/', '302 https://shop.example.com:PORT/start'],
    ['permanent-redirect=https://elsewhere.example.com', '/x', '301 https://elsewhere.example.com'],
    ['whitelist-source-range=203.0.113.0/24', '/', '403 '],
    ['denylist-source-range=0.0.0.0/0', '/', '403 '],
    ['proxy-body-size=10', '/', '413 '],
  ])('the annotation %s', (annotation, path, expected) => {
    const name = annotation.split('=')[0]!
    run(`kubectl annotate ingress web nginx.ingress.kubernetes.io/${annotation}; sleep 5`)
    const { output } = curl('shop.example.com', path, `-k -d 12345678901 -o /dev/null -w '%{http_code} %{redirect_url}'`)
    run(`kubectl annotate ingress web nginx.ingress.kubernetes.io/${name}-; sleep 5`)
    expect(output).toBe(expected.replace('PORT', https))
  })

  it('a cookie keeps a client at one Pod', () => {
    run('kubectl scale deployment web --replicas=3; kubectl rollout status deployment web; kubectl annotate ingress web nginx.ingress.kubernetes.io/affinity=cookie; sleep 5')
    const { output } = curl('shop.example.com', '/', '-ki')
    const cookie = /set-cookie: (INGRESSCOOKIE=[0-9.]+\|[0-9a-f]{32}); Path=\/; Secure; HttpOnly\r\n/.exec(output)?.[1]
    const seen = [1, 2, 3, 4].map(() => /Hostname: (.*)/.exec(curl('shop.example.com', '/', `-k -H 'Cookie: ${cookie}'`).output)?.[1])
    expect(new Set([/Hostname: (.*)/.exec(output)?.[1], ...seen]).size).toBe(1)
  })

  it('a canary gets its share, and whoever asks for it', () => {
    run(`kubectl create ingress canary --class=nginx --rule="shop.example.com/*=canary:80" --annotation=nginx.ingress.kubernetes.io/canary=true --annotation=nginx.ingress.kubernetes.io/canary-weight=30 --annotation=nginx.ingress.kubernetes.io/canary-by-header=X-Canary; sleep 5`)
    const shares = Array.from({ length: 60 }, () => curl('shop.example.com', '/', '-k').output === 'canary\n').filter(Boolean).length
    expect(shares).toBeGreaterThan(8)
    expect(shares).toBeLessThan(32)
    expect(curl('shop.example.com', '/', "-k -H 'X-Canary: always'").output).toBe('canary\n')
    expect(curl('shop.example.com', '/', "-k -H 'X-Canary: never'").output).toContain('Hostname: ')
  })

  it('refuses snippets, and says what it cannot guard', () => {
    const snippet = `kubectl create ingress snippet --class=nginx --rule="snippet.example.com/*=web:80" --annotation=nginx.ingress.kubernetes.io/configuration-snippet='return 418;'`
    expect(run(snippet).output).toBe('error: failed to create ingress: admission webhook "validate.nginx.ingress.kubernetes.io" denied the request: nginx.ingress.kubernetes.io/configuration-snippet annotation cannot be used. Snippet directives are disabled by the Ingress administrator\n')
    run(`kubectl delete validatingwebhookconfiguration ingress-nginx-admission; ${snippet}
      kubectl create ingress guarded --class=nginx --rule="guarded.example.com/*=web:80" --annotation=nginx.ingress.kubernetes.io/enable-modsecurity=true; sleep 5`)
    expect(run(`curl -s -o /dev/null -w '%{http_code}' -H 'Host: snippet.example.com' http://${NODE}:${http}/`).output).toBe('404')
    const { output } = run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller')
    expect(output).toContain('annotation group ConfigurationSnippet contains risky annotation based on ingress configuration\n')
    expect(output).toContain('podhop: not simulated: annotation nginx.ingress.kubernetes.io/enable-modsecurity of Ingress default/guarded (it is as if it were not there)\n')
  })
})
