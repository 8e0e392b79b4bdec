import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const NODE = '172.18.0.3'

describe('the HAProxy Ingress controller', () => {
  let run: House['run']
  let http: string
  let https: string
  const get = (host: string, path: string, options = ''): string => run(`curl -s ${options} -H 'Host: ${host}' http://${NODE}:${http}${path}`).output
  const annotate = (text: string): void => void run(`kubectl annotate ingress web --overwrite ${text}; sleep 6`)
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'haproxy' }))
    run(`kubectl create deployment web --image=traefik/whoami:v1.11; kubectl expose deployment web --port=80
      kubectl create deployment none --image=nginx --replicas=0; kubectl expose deployment none --port=80
      kubectl create ingress web --class=haproxy --rule="shop.example.com/*=web:80" --rule="none.example.com/*=none:80" --rule="*.wild.example.com/only*=web:80"
      kubectl create ingress nobody --rule="nobody.example.com/*=web:80"
      kubectl rollout status deployment web; sleep 8`)
    ;[http, https] = run(`kubectl -n haproxy-controller get svc haproxy-kubernetes-ingress -o jsonpath='{.spec.ports[0].nodePort} {.spec.ports[1].nodePort}'`).output.split(' ') as [string, string]
  })

  it('serves hosts and prefixes, with headers in lower case', () => {
    expect(get('shop.example.com', '/a')).toMatch(/GET \/a HTTP\/1\.1\r?\nHost: shop\.example\.com\r?\n[^]*X-Forwarded-For: 10\.244\./)
    expect(get('shop.example.com', '/', '-i')).toMatch(/\r\ncontent-type: text\/plain/)
    expect(get('a.wild.example.com', '/only/this')).toContain('Hostname: web-')
  })

  it.each([
    ['nowhere.example.com', '/', 404, 'default backend - 404'],
    ['nobody.example.com', '/', 404, 'default backend - 404'],
    ['a.wild.example.com', '/onlythis', 404, 'default backend - 404'],
    ['none.example.com', '/', 503, '<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n'],
  ])('has its own words for %s%s: %i', (host, path, status, body) => {
    expect(get(host, path, "-w '%{http_code}'")).toBe(`${body}${status}`)
  })

  it('rewrites paths, and guards them', () => {
    annotate(`haproxy.org/path-rewrite='/api/(.*) /\\1'`)
    expect(get('shop.example.com', '/api/users?a=b')).toContain('GET /users?a=b HTTP/1.1')
    annotate('haproxy.org/path-rewrite- haproxy.org/allow-list=203.0.113.0/24')
    expect(get('shop.example.com', '/', "-w '%{http_code}'")).toBe('<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n403')
    annotate('haproxy.org/allow-list-')
  })

  it('sends requests for hosts with TLS to HTTPS, and shows their certificate', () => {
    run(`openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=shop.example.com -addext subjectAltName=DNS:shop.example.com; kubectl create secret tls shop --cert=c --key=k
      kubectl patch ingress web -p '{"spec":{"tls":[{"hosts":["shop.example.com"],"secretName":"shop"}]}}'; sleep 8`)
    expect(get('shop.example.com', '/x', "-o /dev/null -w '%{http_code} %{redirect_url}'")).toBe('302 https://shop.example.com:443/x')
    const { output } = run(`curl -s --cacert c --resolve shop.example.com:${https}:${NODE} https://shop.example.com:${https}/`)
    expect(output).toContain('X-Forwarded-Proto: https')
    annotate('haproxy.org/ssl-redirect-port=30443 haproxy.org/ssl-redirect-code=301')
    expect(get('shop.example.com:8080', '/x', "-o /dev/null -w '%{http_code} %{redirect_url}'")).toBe('301 https://shop.example.com:30443/x')
    annotate('haproxy.org/ssl-redirect=false haproxy.org/ssl-redirect-port- haproxy.org/ssl-redirect-code-')
    expect(get('shop.example.com', '/')).toContain('Hostname: web-')
  })

  it('asks for a password, limits a rate, redirects, sticks, tells CORS, and says what it does not simulate', () => {
    // openssl passwd -5 -salt saltstring secret
    run(`kubectl create secret generic users --from-literal=ada='$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.' --from-literal=bob='$6$abc$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK9YB2mdvgY..TKjv1T..8RadRt2qvUHYRLr/TsVArtr91iR1'`)
    const status = (options = '', path = '/'): string => get('shop.example.com', path, `-o /dev/null -w '%{http_code}' ${options}`)
    annotate('haproxy.org/auth-type=basic-auth haproxy.org/auth-secret=default/users haproxy.org/rate-limit-requests=3 haproxy.org/rate-limit-period=1m haproxy.org/rate-limit-status-code=429')
    expect(get('shop.example.com', '/', '-i')).toMatch(/401 Unauthorized\r\n[^]*www-authenticate: Basic realm="Protected-Content"\r\n/)
    expect(['ada:secret', 'bob:secret', 'ada:wrong', 'ada:secret'].map((u) => status(`-u ${u}`))).toEqual(['200', '200', '401', '429'])
    annotate('haproxy.org/auth-type- haproxy.org/rate-limit-requests- haproxy.org/cors-enable=true haproxy.org/cors-allow-methods=get,post haproxy.org/set-host=inner.example haproxy.org/cookie-persistence=stay haproxy.org/backend-config-snippet=acl')
    const answer = get('shop.example.com', '/', '-i -H "Origin: https://a.example"')
    expect(answer).toMatch(/set-cookie: stay=[0-9a-f]{16}; path=\/\r\ncache-control: private\r\naccess-control-allow-origin: \*\r\naccess-control-allow-methods: GET, POST\r\n/)
    expect(answer).toContain('Host: inner.example')
    expect(run('kubectl -n haproxy-controller logs deploy/haproxy-kubernetes-ingress').output).toContain('podhop: not simulated: annotation haproxy.org/backend-config-snippet of Ingress default/web (it is as if it were not there)')
    annotate('haproxy.org/request-redirect=https://new.example haproxy.org/request-redirect-code=301')
    expect(get('shop.example.com', '/a?b=c', "-o /dev/null -w '%{http_code} %{redirect_url}'")).toBe('301 https://new.example/a?b=c')
    annotate('haproxy.org/request-redirect- haproxy.org/cors-enable- haproxy.org/cookie-persistence-')
  })

  it('src-ip-header names who is meant by the lists', () => {
    annotate('haproxy.org/src-ip-header=X-Client haproxy.org/allow-list=192.0.2.0/24')
    const status = (options: string): string => get('shop.example.com', '/', `-o /dev/null -w '%{http_code}' ${options}`)
    expect([status(''), status("-H 'X-Client: 192.0.2.5'"), status("-H 'X-Client: 192.0.3.5'"), status("-H 'X-Client: nobody'")]).toEqual(['403', '200', '403', '403'])
    annotate('haproxy.org/src-ip-header- haproxy.org/allow-list-')
  })

  it('timeout-server ends the wait for a slow server', () => {
    const slow = (): string => get('shop.example.com', '/?wait=3s', "-w '%{http_code}'")
    expect(slow()).toMatch(/Hostname: web-[^]*200$/)
    annotate('haproxy.org/timeout-server=1s')
    expect(slow()).toBe("<html><body><h1>504 Gateway Time-out</h1>\nThe server didn't respond in time.\n</body></html>\n504")
    annotate('haproxy.org/timeout-server-')
  })

  it('leastconn leaves out a server that is busy, roundrobin does not', () => {
    run('kubectl scale deployment web --replicas=2; kubectl rollout status deployment web; sleep 8')
    const served = (): number => {
      const { output } = run(`curl -s -o /dev/null -H 'Host: shop.example.com' 'http://${NODE}:${http}/?wait=5s' & sleep 1
        for i in 1 2 3 4; do curl -s -H 'Host: shop.example.com' http://${NODE}:${http}/ | grep Hostname; done; wait`)
      return new Set(output.trim().split('\n').filter((l) => l.startsWith('Hostname'))).size
    }
    expect(served()).toBe(2)
    annotate('haproxy.org/load-balance=leastconn')
    expect(served()).toBe(1)
    run('kubectl scale deployment web --replicas=1')
    annotate('haproxy.org/load-balance-')
  })

  it('logs what it served', () => {
    get('shop.example.com', '/logged')
    get('none.example.com', '/logged')
    const lines = run('kubectl -n haproxy-controller logs deploy/haproxy-kubernetes-ingress').output.split('\n').filter((l) => l.includes('/logged'))
    expect(lines[0]).toMatch(/^10\.244\.\d+\.\d+:\d+ \[05\/Jan\/2026:[0-9:.]+\] http default_web_80\/SRV_1 0\/0\/0\/\d+\/\d+ 200 \d+ - - ---- 1\/1\/0\/0\/0 0\/0 "GET shop\.example\.com\/logged HTTP\/1\.1"$/)
    expect(lines[1]).toMatch(/ http default_none_80\/<NOSRV> 0\/-1\/-1\/-1\/0 503 217 - - SC-- /)
  })

  it('ssl-passthrough: TLS goes on as it came, by its name; ssl-certificate is shown to names that no other has', () => {
    run(`for name in behind other; do openssl req -x509 -newkey rsa:2048 -nodes -keyout $name.key -out $name.crt -days 30 -subj "/CN=$name" -addext 'subjectAltName=DNS:*.tls.example.com' 2>/dev/null; kubectl create secret tls $name --cert=$name.crt --key=$name.key; done
      kubectl create configmap own-tls --from-literal=tls.conf='server { listen 443 ssl; ssl_certificate /s/tls.crt; ssl_certificate_key /s/tls.key; return 200 "behind\\n"; }'
      kubectl apply -f - <<'END'
{apiVersion: v1, kind: Pod, metadata: {name: own-tls, labels: {app: own-tls}}, spec: {containers: [{name: c, image: nginx, volumeMounts: [{name: s, mountPath: /s}, {name: c, mountPath: /etc/nginx/conf.d}]}], volumes: [{name: s, secret: {secretName: behind}}, {name: c, configMap: {name: own-tls}}]}}
END
      kubectl expose pod own-tls --port=443; kubectl create ingress tls --class=haproxy --rule='a.tls.example.com/*=own-tls:443' --rule='*.wild.tls.example.com/*=own-tls:443' --annotation haproxy.org/ssl-passthrough=true
      kubectl -n haproxy-controller patch configmap haproxy-kubernetes-ingress -p '{"data":{"ssl-certificate":"default/other"}}'; kubectl wait pod own-tls --for=condition=Ready; sleep 8`)
    const ask = (host: string): string => run(`curl -vsk --resolve ${host}:${https}:${NODE} https://${host}:${https}/ 2>&1 | grep -E 'subject:|^behind|^Hostname|default backend'`).output
    expect(ask('a.tls.example.com')).toBe('*  subject: CN=behind\nbehind\n')
    expect(ask('b.wild.tls.example.com')).toBe('*  subject: CN=behind\nbehind\n')
    expect(ask('shop.example.com')).toMatch(/\nHostname: web-/)
    expect(ask('nobody.example.com')).toMatch(/^\*  subject: CN=other\ndefault backend - 404/)
    expect(run('kubectl -n haproxy-controller logs deploy/haproxy-kubernetes-ingress').output).toMatch(/\] ssl default_own-tls_443\/SRV_1 0\/0\/\d+ \d+ -- 1\/1\/0\/0\/0 0\/0 - - SNI: a\.tls\.example\.com\n/)
    expect(get('a.tls.example.com', '/', "-o /dev/null -w '%{http_code}'")).toBe('503')
  })
})
