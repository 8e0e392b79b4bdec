import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

/** test/e2e/{annotations,settings} of kubernetes/ingress-nginx v1.12, by packets. */
const NODE = '172.18.0.3'
const PREFIX = 'nginx.ingress.kubernetes.io'

describe('ingress-nginx as its e2e tests have it', () => {
  let run: House['run']
  let http: string
  let https: string
  /** curl for a host at the controller. */
  const curl = (host: string, path = '/', options = ''): string => run(`curl -s ${options} -H 'Host: ${host}' 'http://${NODE}:${http}${path}'`).output.replaceAll('\r\n', '\n')
  const status = (host: string, path = '/', options = ''): string => curl(host, path, `-o /dev/null -w '%{http_code} %header{location}' ${options}`)
  /** Sets exactly these keys of the controller's ConfigMap. */
  const settings = (data: Record<string, string>): void => {
    run(`kubectl -n ingress-nginx patch cm ingress-nginx-controller --type=json -p '[{"op":"add","path":"/data","value":${JSON.stringify(data)}}]'; sleep 8`)
  }
  const ingress = (name: string, host: string, annotations: Record<string, string> = {}, service = 'web:80'): void => {
    const { output, code } = run(`kubectl create ingress ${name} --class=nginx --rule="${host}/*=${service}" ${Object.entries(annotations).map(([key, value]) => `--annotation='${PREFIX}/${key}=${value}'`).join(' ')}; sleep 8`)
    expect([output, code]).toEqual([`ingress.networking.k8s.io/${name} created\n`, 0])
  }
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'nginx' }))
    run(`kubectl create deployment web --image=traefik/whoami:v1.11 --replicas=3; kubectl expose deployment web --port=80
      kubectl create deployment canary --image=traefik/whoami:v1.11; kubectl expose deployment canary --port=80
      kubectl create deployment errors --image=traefik/whoami:v1.11; kubectl expose deployment errors --port=80
      kubectl rollout status deployment web canary errors`)
    ;[http, https] = run(`kubectl -n ingress-nginx get svc ingress-nginx-controller -o jsonpath='{.spec.ports[0].nodePort} {.spec.ports[1].nodePort}'`).output.split(' ') as [string, string]
    ingress('web', 'shop.example.com')
  })

  it('use-proxy-protocol: who the client is stands before all, behind any SNAT; who does not say it is shown the door', () => {
    const laptop = run("ip -4 -o addr show eth0 | awk '{print $4}' | cut -d/ -f1").output.trim()
    expect(laptop).toMatch(/^[0-9.]+$/)
    settings({ 'use-proxy-protocol': 'true' })
    expect(run(`curl -sS -H 'Host: shop.example.com' http://${NODE}:${http}/; curl -sSk https://${NODE}:${https}/`).output).toBe(`curl: (52) Empty reply from server\ncurl: (35) OpenSSL SSL_connect: Connection reset by peer in connection to ${NODE}:${https} \n`)
    expect(run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller').output).toMatch(/ \[error\] \d+#\d+: \*\d+ broken header: "GET \/ HTTP\/1\.1" while reading PROXY protocol, client: 10\.244\.\d\.\d+, server: 0\.0\.0\.0:80\n/)
    for (const line of [`X-Forwarded-For: ${laptop}`, `X-Real-Ip: ${laptop}`]) expect(curl('shop.example.com', '/', `--haproxy-protocol -H 'X-Forwarded-For: 1.2.3.4'`)).toContain(`${line}\n`)
    expect(run(`curl -sSk --haproxy-protocol -H 'Host: shop.example.com' https://${NODE}:${https}/`).output).toContain(`X-Real-Ip: ${laptop}\r\n`)
    const typed = (line: string): string => run(`printf '${line}GET / HTTP/1.1\\r\\nHost: shop.example.com\\r\\nConnection: close\\r\\n\\r\\n' | nc -w 2 ${NODE} ${http}`).output.replaceAll('\r\n', '\n')
    expect(typed('PROXY TCP4 203.0.113.9 192.0.2.1 40000 80\\r\\n')).toContain('X-Forwarded-For: 203.0.113.9\n')
    expect(typed('PROXY UNKNOWN\\r\\n')).toMatch(/\nX-Forwarded-For: 10\.244\.\d\.\d+\n/)
    for (const wrong of ['PROXY TCP4 nobody 192.0.2.1 40000 80\\r\\n', 'PROXY TCP6 203.0.113.9 192.0.2.1 40000 80\\r\\n', 'proxy tcp4 \\r\\n']) expect(typed(wrong)).toBe('')
    settings({ 'use-proxy-protocol': 'true', 'proxy-real-ip-cidr': '192.0.2.0/24' })
    expect(typed('PROXY TCP4 203.0.113.9 192.0.2.1 40000 80\\r\\n')).toMatch(/\nX-Forwarded-For: 10\.244\.\d\.\d+\n/)
    expect(run('kubectl -n ingress-nginx exec deploy/ingress-nginx-controller -- cat /etc/nginx/nginx.conf').output).toMatch(/real_ip_header {6}proxy_protocol;\n\s*real_ip_recursive {3}on;\n\s*set_real_ip_from {4}192\.0\.2\.0\/24;[^]*listen 80 proxy_protocol default_server reuseport backlog=4096 ;/)
    settings({})
    expect(curl('shop.example.com')).toContain('X-Forwarded-For: 10.244.')
  })

  it('use-forwarded-headers: believed, or kept as what was said before', () => {
    const said = `-H 'X-Forwarded-Port: 1234' -H 'X-Forwarded-Proto: myproto' -H 'X-Forwarded-For: 1.2.3.4' -H 'X-Forwarded-Host: myhost.com, another.host'`
    const before = curl('shop.example.com', '/', said)
    for (const line of ['Host: shop.example.com', 'X-Forwarded-Port: 80', 'X-Forwarded-Proto: http', 'X-Original-Forwarded-For: 1.2.3.4', 'X-Original-Forwarded-Host: myhost.com, another.host']) expect(before).toContain(`${line}\n`)
    settings({ 'use-forwarded-headers': 'true' })
    const after = curl('shop.example.com', '/', said)
    for (const line of ['Host: myhost.com', 'X-Forwarded-Host: myhost.com', 'X-Forwarded-Port: 1234', 'X-Forwarded-Proto: myproto', 'X-Forwarded-Scheme: myproto', 'X-Forwarded-For: 1.2.3.4', 'X-Real-Ip: 1.2.3.4']) expect(after).toContain(`${line}\n`)
    settings({ 'use-forwarded-headers': 'true', 'compute-full-forwarded-for': 'true' })
    expect(curl('shop.example.com', '/', said)).toMatch(/\nX-Forwarded-For: 1\.2\.3\.4, [0-9.]+\n/)
    settings({ 'use-forwarded-headers': 'true', 'proxy-real-ip-cidr': '192.0.2.0/24' })
    expect(curl('shop.example.com', '/', said)).not.toContain('X-Real-Ip: 1.2.3.4\n')
    settings({})
  })

  it('addresses that a trusted proxy names are those that lists judge', () => {
    ingress('listed', 'listed.example.com', { 'whitelist-source-range': '18.0.0.0/8,56.0.0.0/8' })
    settings({ 'use-forwarded-headers': 'true' })
    expect(status('listed.example.com', '/', `-H 'X-Forwarded-For: 18.0.0.1'`)).toBe('200 ')
    expect(status('listed.example.com', '/', `-H 'X-Forwarded-For: 57.0.0.1'`)).toBe('403 ')
    settings({})
    expect(status('listed.example.com', '/', `-H 'X-Forwarded-For: 18.0.0.1'`)).toBe('403 ')
  })

  it('redirects: without the last slash, with the port between www and not, by the ConfigMap\'s code', () => {
    ingress('forced', 'forced.example.com', { 'force-ssl-redirect': 'true' })
    expect(status('forced.example.com')).toBe('308 https://forced.example.com')
    expect(status('forced.example.com', '/a/?b=1')).toBe('308 https://forced.example.com/a/?b=1')
    expect(status('forced.example.com', '/.well-known/acme-challenge/x')).toBe('200 ')
    ingress('www', 'bar.example.com', { 'from-to-www-redirect': 'true' })
    expect(status('www.bar.example.com', '/foo')).toBe('308 http://bar.example.com:80/foo')
    settings({ 'http-redirect-code': '301', 'preserve-trailing-slash': 'true', 'no-tls-redirect-locations': '/plain' })
    expect(status('forced.example.com')).toBe('301 https://forced.example.com/')
    expect(status('forced.example.com', '/plain')).toBe('200 ')
    settings({ 'use-forwarded-headers': 'true' })
    expect(status('forced.example.com', '/', `-H 'X-Forwarded-Proto: https'`)).toBe('200 ')
    settings({})
    ingress('relative', 'relative.example.com', { 'permanent-redirect': '/elsewhere', 'relative-redirects': 'true' })
    ingress('absolute', 'absolute.example.com', { 'permanent-redirect': '/elsewhere', 'permanent-redirect-code': '308' })
    expect([status('relative.example.com'), status('absolute.example.com')]).toEqual(['301 /elsewhere', '308 http://absolute.example.com/elsewhere'])
  })

  it('HSTS stands on every answer over TLS, as the ConfigMap says', () => {
    const hsts = (): string => run(`curl -sk -o /dev/null -w '%header{strict-transport-security}' --resolve shop.example.com:${https}:${NODE} https://shop.example.com:${https}/`).output
    expect(hsts()).toBe('max-age=31536000; includeSubDomains')
    settings({ 'hsts-max-age': '86400', 'hsts-include-subdomains': 'false', 'hsts-preload': 'true' })
    expect(hsts()).toBe('max-age=86400; preload')
    settings({ hsts: 'false' })
    expect(hsts()).toBe('')
    settings({})
  })

  it('headers of every request and answer, and those that an Ingress may add', () => {
    run(`kubectl create configmap -n ingress-nginx ask --from-literal=X-Team=blue; kubectl create configmap -n ingress-nginx answer --from-literal=X-Lab=podhop; kubectl create configmap mine --from-literal=X-Mine=yes`)
    settings({ 'proxy-set-headers': 'ingress-nginx/ask', 'add-headers': 'ingress-nginx/answer', 'hide-headers': 'Content-Language', 'proxy-add-original-uri-header': 'true' })
    const output = curl('shop.example.com', '/a', '-i')
    expect(output).toContain('X-Team: blue\n')
    expect(output).toContain('X-Original-Uri: /a\n')
    expect(output).toMatch(/^HTTP\/1\.1 200 OK\n[^]*\nX-Lab: podhop\n/)
    ingress('custom', 'custom.example.com', { 'custom-headers': 'default/mine' })
    expect(status('custom.example.com')).toBe('503 ')
    settings({ 'global-allowed-response-headers': 'X-Mine' })
    expect(curl('custom.example.com', '/', '-i')).toContain('\nX-Mine: yes\n')
    settings({})
  })

  it('blocks by addresses, browsers and where they come from', () => {
    settings({ 'block-user-agents': '~*evil,curl/0', 'block-referers': '~*spam' })
    expect([status('shop.example.com'), status('shop.example.com', '/', '-A VeryEvilBot'), status('shop.example.com', '/', '-e http://spam.example.com/')]).toEqual(['200 ', '403 ', '403 '])
    settings({ 'block-cidrs': '0.0.0.0/0' })
    expect(status('shop.example.com')).toBe('403 ')
    settings({})
  })

  it('errors are answered by the Service that stands in, which hears for whom', () => {
    run('kubectl create deployment empty --image=traefik/whoami:v1.11 --replicas=0; kubectl expose deployment empty --port=80')
    ingress('plain', 'plain.example.com', {}, 'empty:80')
    ingress('covered', 'covered.example.com', { 'default-backend': 'errors' }, 'empty:80')
    ingress('caught', 'caught.example.com', { 'default-backend': 'errors', 'custom-http-errors': '503,401', 'auth-type': 'basic', 'auth-secret': 'users' }, 'web:80')
    run(`printf 'bob:{PLAIN}pw\\n' > auth; kubectl create secret generic users --from-file=auth; sleep 8`)
    expect(status('plain.example.com')).toBe('503 ')
    const covered = curl('covered.example.com', '/x')
    for (const line of ['GET /x HTTP/1.1', 'X-Code: 503', 'X-Namespace: default', 'X-Ingress-Name: covered', 'X-Service-Name: empty', 'X-Service-Port: 80']) expect(covered).toMatch(new RegExp(`^${line.replace(/[/.]/g, '\\$&')}$`, 'm'))
    const caught = curl('caught.example.com', '/y')
    for (const line of ['Hostname: errors-', 'X-Code: 401', 'X-Original-Uri: /y', 'X-Service-Name: web']) expect(caught).toContain(line)
    expect(curl('caught.example.com', '/y', '-u bob:pw')).toContain('Hostname: web-')
    settings({ 'custom-http-errors': '503' })
    // nobody stands in for the whole controller: its own page
    expect(status('plain.example.com')).toBe('404 ')
    settings({})
  })

  it('server-alias with a regular expression', () => {
    ingress('alias', 'alias.example.com', { 'server-alias': '~^www[0-9]+\\.alias\\.example\\.com$' })
    expect([status('www12.alias.example.com'), status('wwwx.alias.example.com')]).toEqual(['200 ', '404 '])
  })

  it('snippets where the ConfigMap allows them', () => {
    settings({ 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical' })
    ingress('snippet', 'snippet.example.com', { 'configuration-snippet': 'more_set_headers "Request-Id: $request_method";\nproxy_set_header X-From "$host";\nadd_header X-Added yes;' })
    const output = curl('snippet.example.com', '/', '-i')
    expect(output).toContain('\nRequest-Id: GET\n')
    expect(output).toContain('\nX-Added: yes\n')
    expect(output).toContain('X-From: snippet.example.com\n')
    ingress('teapot', 'teapot.example.com', { 'configuration-snippet': 'return 418 "short and stout";' })
    expect(curl('teapot.example.com', '/', `-w ' %{http_code}'`)).toBe('short and stout 418')
    ingress('strange', 'strange.example.com', { 'configuration-snippet': 'limit_rate 10;' })
    expect(run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller').output).toContain('podhop: not simulated: "limit_rate 10" in the configuration-snippet of Ingress default/strange (more_set_headers, more_clear_headers, add_header, proxy_set_header and return are)\n')
    settings({})
    expect(status('teapot.example.com')).toBe('404 ')
  })

  it('everybody is asked for leave where the ConfigMap says so, but for whom does not want it', () => {
    ingress('free', 'free.example.com', { 'enable-global-auth': 'false' })
    settings({ 'global-auth-url': 'http://errors.default.svc.cluster.local/', 'global-auth-response-headers': 'X-None' })
    expect(status('shop.example.com')).toBe('200 ')
    settings({ 'global-auth-url': 'http://errors.default.svc.cluster.local:81/' })
    expect([status('shop.example.com'), status('free.example.com')]).toEqual(['500 ', '200 '])
    settings({})
  })

  it('affinity: a cookie of this backend keeps its client, also at the canary', () => {
    ingress('sticky', 'sticky.example.com', { affinity: 'cookie', 'affinity-mode': 'persistent', 'session-cookie-name': 'STICKY' })
    ingress('sticky-canary', 'sticky.example.com', { canary: 'true', 'canary-weight': '0', 'canary-by-header': 'X-Canary' }, 'canary:80')
    const cookie = (options: string): string => /Set-Cookie: (STICKY=[0-9a-f]{32}\|[0-9a-f]{32}); Path=\/; HttpOnly/.exec(curl('sticky.example.com', '/', `-i ${options}`))![1]!
    const who = (options: string): string => /Hostname: (\S+)/.exec(curl('sticky.example.com', '/', options))![1]!
    const [own, other] = [cookie(''), cookie(`-H 'X-Canary: always'`)]
    expect(own.split('|')[1]).not.toBe(other.split('|')[1])
    // md5(md5(name) + name)
    expect(own.split('|')[1]).toBe(run(`n=default-web-80; h=$(printf %s $n | md5sum | cut -d' ' -f1); printf %s $h$n | md5sum | cut -d' ' -f1`).output.trim())
    const first = who(`-H 'Cookie: ${own}'`)
    expect(new Set([1, 2, 3, 4].map(() => who(`-H 'Cookie: ${own}'`)))).toEqual(new Set([first]))
    // who sticks to one of the two is not moved by the rules
    expect(who(`-H 'Cookie: ${own}' -H 'X-Canary: always'`)).toBe(first)
    expect(who(`-H 'Cookie: ${other}' -H 'X-Canary: never'`)).toMatch(/^canary-/)
    // more Pods move nobody
    run('kubectl scale deployment web --replicas=6; kubectl rollout status deployment web; sleep 8')
    expect(who(`-H 'Cookie: ${own}'`)).toBe(first)
    // a cookie that nobody knows is a new client's
    expect(curl('sticky.example.com', '/', `-i -H 'Cookie: STICKY=nobody|x'`)).toContain('Set-Cookie: STICKY=')
  })

  it('the canary is named beside the backend that it stands in for; the log may have another form', () => {
    settings({ 'log-format-upstream': '{"path":"$uri","status":$status,"who":"$remote_user","up":"$proxy_upstream_name","alt":"$proxy_alternative_upstream_name","ing":"$ingress_name","svc":"$service_name"}', 'skip-access-log-urls': '/quiet' })
    curl('sticky.example.com', '/seen', `-H 'X-Canary: always' -u bob:pw`)
    curl('sticky.example.com', '/quiet')
    const lines = run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller --tail=5').output
    expect(lines).toContain('{"path":"/seen","status":200,"who":"bob","up":"default-web-80","alt":"default-canary-80","ing":"sticky","svc":"web"}\n')
    expect(lines).not.toContain('/quiet')
    settings({})
  })

  it('says which keys of its ConfigMap nothing heeds', () => {
    settings({ 'brotli-level': '4', 'worker-processes': '1' })
    const { output } = run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller')
    expect(output).toContain('podhop: not simulated: brotli-level of ConfigMap ingress-nginx/ingress-nginx-controller (the default is)\n')
    expect(output).not.toContain('worker-processes')
  })

  it('flags: a Service for what nobody has, a certificate for who has none, and ports beside HTTP', () => {
    run(`kubectl -n ingress-nginx create configmap tcp --from-literal=9000=default/web:80 --from-literal=443=default/web:80
      kubectl create deployment names --image=registry.k8s.io/e2e-test-images/agnhost:2.53 -- /agnhost netexec --udp-port=8081; kubectl expose deployment names --name=names --port=8081 --protocol=UDP
      kubectl -n ingress-nginx create configmap udp --from-literal=5300=default/names:8081
      openssl req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.crt -days 30 -subj "/CN=own.example.com" 2>/dev/null; kubectl create secret tls own --cert=own.crt --key=own.key
      kubectl -n ingress-nginx patch deployment ingress-nginx-controller --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--tcp-services-configmap=ingress-nginx/tcp"},{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--udp-services-configmap=ingress-nginx/udp"},{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--default-backend-service=default/errors"},{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--default-ssl-certificate=default/own"}]'
      kubectl -n ingress-nginx patch service ingress-nginx-controller --type=json -p '[{"op":"add","path":"/spec/ports/-","value":{"name":"t","port":9000,"nodePort":30900}},{"op":"add","path":"/spec/ports/-","value":{"name":"u","protocol":"UDP","port":5300,"nodePort":30530}}]'
      kubectl rollout status deployment names; kubectl -n ingress-nginx rollout status deployment ingress-nginx-controller; sleep 15`)
    expect(curl('nobody.example.com', '/lost')).toMatch(/^Hostname: errors-[^]*\nGET \/lost HTTP\/1\.1\n/)
    expect(run(`curl -svk https://${NODE}:${https}/ 2>&1`).output).toContain('subject: CN=own.example.com\n')
    expect(run(`curl -s http://${NODE}:30900/`).output).toMatch(/^Hostname: web-/)
    expect(run(`echo hostname | nc -u -w 1 ${NODE} 30530`).output).toMatch(/^names-/)
    settings({ 'custom-http-errors': '503' })
    expect(curl('plain.example.com')).toContain('X-Code: 503\n')
    settings({})
    const log = run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller').output
    expect(log).toContain('Port 443 cannot be used for TCP stream services. It is reserved for the Ingress controller.\n')
    expect(log).toMatch(/^\[[0-9.]+\] \[.*\] TCP 200 \d+ \d+ 0\.\d{3}$/m)
    expect(log).toMatch(/^\[[0-9.]+\] \[.*\] UDP 200 \d+ 9 0\.\d{3}$/m)
  })
})
