import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

/** The pages "Annotations" and "ConfigMap" of kubernetes/ingress-nginx v1.12 (docs/user-guide/nginx-configuration), tried as a reader would. */
const NODE = '172.18.0.3'
const PREFIX = 'nginx.ingress.kubernetes.io'
const CONFIGURATION = `
map $http_x_token $known { "" 401; bad 403; default 200; }
server { listen 80;
  location / { return 200 "$request_method $request_uri $http_host [$http_connection] $server_protocol under=$http_some_name length=$http_content_length\\n"; }
  location /large { add_header X-Large LARGE; return 200 large; }
  location /fail { return 500; }
}
server { listen 81; add_header Set-Cookie seen=1 always; add_header X-User anna always; if ($http_x_token = "") { return 401; } return 200; }
server { listen 82; add_header X-User "$http_x_own $http_x_snippet $http_x_original_uri"; if ($http_x_token = "") { return 401; } return 200; }
`

describe('ingress-nginx by its pages', () => {
  let run: House['run']
  let http: string
  const curl = (host: string, path = '/', options = ''): string => run(`curl -s ${options} -H 'Host: ${host}' 'http://${NODE}:${http}${path}'`).output.replaceAll('\r\n', '\n')
  const settings = (data: Record<string, string>): void => {
    run(`kubectl -n ingress-nginx patch cm ingress-nginx-controller --type=json -p '[{"op":"add","path":"/data","value":${JSON.stringify(data)}}]'; sleep 8`)
  }
  const ingress = (name: string, annotations: Record<string, string>, service = 'web:80'): void => {
    const { output, code } = run(`kubectl create ingress ${name} --class=nginx --rule="${name}.example.com/*=${service}" ${Object.entries(annotations).map(([key, value]) => `--annotation='${PREFIX}/${key}=${value}'`).join(' ')}; sleep 8`)
    expect([output, code]).toEqual([`ingress.networking.k8s.io/${name} created\n`, 0])
  }
  const conf = (): string => run('kubectl -n ingress-nginx exec deploy/ingress-nginx-controller -- cat /etc/nginx/nginx.conf').output
  const logs = (deployment: string, namespace = 'default'): string => run(`kubectl -n ${namespace} logs deploy/${deployment}`).output
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'nginx' }))
    run(`cat > site.conf <<'END'\n${CONFIGURATION.replace('LARGE', 'x'.repeat(5000))}\nEND
      kubectl create configmap site --from-file=default.conf=site.conf
      kubectl create deployment who --image=traefik/whoami:v1.11; kubectl expose deployment who --port=80
      for name in web copy; do kubectl create deployment $name --image=nginx; kubectl patch deployment $name -p '{"spec":{"template":{"spec":{"volumes":[{"name":"c","configMap":{"name":"site"}}],"containers":[{"name":"nginx","volumeMounts":[{"name":"c","mountPath":"/etc/nginx/conf.d"}]}]}}}}'; done
      kubectl create service clusterip web --tcp=80:80 --tcp=81:81 --tcp=82:82; kubectl create service clusterip copy --tcp=80:80; kubectl rollout status deployment who web copy`)
    http = run(`kubectl -n ingress-nginx get svc ingress-nginx-controller -o jsonpath='{.spec.ports[0].nodePort}'`).output
  })

  it('limit-rate holds answers back, behind limit-rate-after, where proxy-buffering is on; without it nginx heeds neither', () => {
    const seconds = (host: string): number => Number(curl(host, '/data?size=50&unit=KB', "-o /dev/null -w '%{time_total}'"))
    ingress('slow', { 'limit-rate': '10', 'proxy-buffering': 'on' }, 'who:80')
    ingress('later', { 'limit-rate': '10', 'limit-rate-after': '30', 'proxy-buffering': 'on' }, 'who:80')
    ingress('unheeded', { 'limit-rate': '10' }, 'who:80')
    expect(conf()).toMatch(/limit_rate_after 30k;\s+limit_rate 10k;/)
    expect(seconds('slow.example.com')).toBeGreaterThan(3.5)
    expect(seconds('slow.example.com')).toBeLessThan(6)
    expect(seconds('later.example.com')).toBeGreaterThan(0.9)
    expect(seconds('later.example.com')).toBeLessThan(2.5)
    expect(seconds('unheeded.example.com')).toBeLessThan(0.5)
    // on one connection, and by HTTP/2
    expect(curl('slow.example.com', '/data?size=20&unit=KB', `-o /dev/null -w '%{http_code} %{size_download} %{num_connects} ' -o /dev/null http://${NODE}:${http}/data?size=1`)).toBe('200 1 1 200 20480 0 ')
    expect(Number(curl('slow.example.com', '/data?size=50&unit=KB', "--http2-prior-knowledge -o /dev/null -w '%{time_total}'"))).toBeGreaterThan(3.5)
    settings({ 'limit-rate': '10', 'proxy-buffering': 'on' })
    expect(seconds('unheeded.example.com')).toBeGreaterThan(3.5)
    settings({})
  })

  it('an answer whose head does not fit into proxy-buffer-size is a 502, and the log says why', () => {
    ingress('small', {})
    ingress('roomy', { 'proxy-buffer-size': '8k' })
    expect([curl('small.example.com', '/large', "-o /dev/null -w '%{http_code}'"), curl('roomy.example.com', '/large')]).toEqual(['502', 'large'])
    expect(logs('ingress-nginx-controller', 'ingress-nginx')).toContain('upstream sent too big header while reading response header from upstream, client: ')
    expect(conf()).toContain('proxy_buffers                           4 8k;')
  })

  it('connection-proxy-header and proxy-http-version are what the backend hears', () => {
    ingress('alive', { 'connection-proxy-header': 'keep-alive' })
    ingress('old', { 'proxy-http-version': '1.0', 'connection-proxy-header': 'close' })
    expect([curl('small.example.com'), curl('alive.example.com'), curl('old.example.com')]).toEqual(['GET / small.example.com [] HTTP/1.1 under= length=\n', 'GET / alive.example.com [keep-alive] HTTP/1.1 under= length=\n', 'GET / old.example.com [close] HTTP/1.0 under= length=\n'])
    expect(conf()).toMatch(/Connection +keep-alive;[^]*proxy_http_version +1\.0;/)
  })

  it('mirror-…: the request once more, with its host and without its body', () => {
    ingress('mirrored', { 'mirror-target': 'http://copy.default.svc.cluster.local/again$request_uri', 'mirror-host': 'elsewhere.example.com', 'mirror-request-body': 'off' })
    curl('mirrored.example.com', '/x?y=1', '-d hello')
    expect(logs('copy')).toMatch(/"POST \/again\/x\?y=1 HTTP\/1\.\d" 200 /)
    const uid = run(`kubectl get ingress mirrored -o jsonpath='{.metadata.uid}'`).output
    expect(conf().replaceAll(/\s+/g, ' ')).toContain(`location = "/_mirror-${uid}" { internal; proxy_set_header Host "elsewhere.example.com"; proxy_pass "http://copy.default.svc.cluster.local/again$request_uri"; }`)
    expect(conf().replaceAll(/\s+/g, ' ')).toContain(`mirror "/_mirror-${uid}"; mirror_request_body off;`)
  })

  it('auth-cache-…: who has the same key is not asked about again, until the time is over', () => {
    const asked = (): number => logs('web').split('\n').filter((line) => line.includes('"GET /cached HTTP')).length
    ingress('cached', { 'auth-url': 'http://web.default.svc.cluster.local:82/cached', 'auth-cache-key': '$remote_addr$http_x_token', 'auth-cache-duration': '200 2m, 401 1s' })
    const status = (options = ''): string => curl('cached.example.com', '/', `-o /dev/null -w '%{http_code}' ${options}`)
    expect([status('-H "X-Token: a"'), status('-H "X-Token: a"'), asked()]).toEqual(['200', '200', 1])
    expect([status('-H "X-Token: b"'), asked()]).toEqual(['200', 2])
    expect([status(), status(), asked()]).toEqual(['401', '401', 3])
    run('sleep 5')
    expect([status(), asked(), status('-H "X-Token: a"'), asked()]).toEqual(['401', 4, '200', 4])
    run('sleep 120')
    expect([status('-H "X-Token: a"'), asked()]).toEqual(['200', 5])
    expect(conf()).toMatch(/set \$tmp_cache_key 'cached\.example\.com\/_external-auth-Lw-Prefix\$remote_addr\$http_x_token';[^]*proxy_cache auth_cache;\s+proxy_cache_valid 200 2m;\s+proxy_cache_valid 401 1s;/)
    ingress('wrong', { 'auth-url': 'http://web.default.svc.cluster.local:82/', 'auth-cache-duration': '2m 200' })
    expect(curl('wrong.example.com', '/', "-o /dev/null -w '%{http_code}'")).toBe('503')
    expect(logs('ingress-nginx-controller', 'ingress-nginx')).toContain('"error reading Ingress annotation" err="invalid cache duration: 2m 200" name="ExternalAuth" ingress="default/wrong"')
  })

  it('auth-always-set-cookie, auth-proxy-set-headers and auth-snippet', () => {
    const cookie = (host: string, path: string): string => curl(host, path, "-o /dev/null -H 'X-Token: a' -w '%{http_code} %header{set-cookie}'")
    ingress('cookie', { 'auth-url': 'http://web.default.svc.cluster.local:81/' })
    ingress('always', { 'auth-url': 'http://web.default.svc.cluster.local:81/', 'auth-always-set-cookie': 'true' })
    expect([cookie('cookie.example.com', '/'), cookie('cookie.example.com', '/fail'), cookie('always.example.com', '/fail')]).toEqual(['200 seen=1', '500 ', '500 seen=1'])
    ingress('told', { 'auth-url': 'http://web.default.svc.cluster.local:82/', 'auth-proxy-set-headers': 'default/own', 'auth-response-headers': 'X-User', 'auth-method': 'GET' }, 'who:80')
    expect(curl('told.example.com', '/', "-o /dev/null -w '%{http_code}'")).toBe('503')
    expect(logs('ingress-nginx-controller', 'ingress-nginx')).toContain('unable to find configMap \\"default/own\\"')
    run('kubectl create configmap own --from-literal=X-Own=mine --from-literal=X-Token=a; sleep 8')
    expect(curl('told.example.com', '/a?b')).toContain('X-User: mine  /a?b\n')
    settings({ 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical' })
    run(`kubectl annotate ingress told '${PREFIX}/auth-snippet=proxy_set_header X-Snippet "$request_method";'; sleep 8`)
    expect(curl('told.example.com', '/a')).toContain('X-User: mine GET /a\n')
    settings({})
  })

  it('auth-secret-type auth-map: each key of the Secret is somebody', () => {
    run(`kubectl create secret generic people --from-literal=anna='{PLAIN}secret' --from-literal=bert='{PLAIN}other'`)
    ingress('mapped', { 'auth-type': 'basic', 'auth-secret': 'people', 'auth-secret-type': 'auth-map' })
    expect(['anna:secret', 'bert:other', 'anna:other', 'auth:secret'].map((user) => curl('mapped.example.com', '/', `-u ${user} -o /dev/null -w '%{http_code}'`))).toEqual(['200', '200', '401', '401'])
  })

  it('session-cookie-conditional-samesite-none, and a subset of endpoints by upstream-hash-by', () => {
    ingress('lenient', { affinity: 'cookie', 'session-cookie-samesite': 'None', 'session-cookie-conditional-samesite-none': 'true', 'session-cookie-secure': 'true' })
    const cookie = (agent: string): string => curl('lenient.example.com', '/', `-A '${agent}' -o /dev/null -w '%header{set-cookie}'`)
    expect(cookie('Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0')).toMatch(/; SameSite=None$/)
    expect(cookie('Mozilla/5.0 (iPhone; CPU iPhone OS 12_0 like Mac OS X)')).toMatch(/; HttpOnly$/)
    run('kubectl scale deployment who --replicas=7; kubectl rollout status deployment who')
    ingress('subset', { 'upstream-hash-by': '$request_uri', 'upstream-hash-by-subset': 'true', 'upstream-hash-by-subset-size': '2' }, 'who:80')
    const seen = new Set(Array.from({ length: 20 }, () => /Hostname: (\S+)/.exec(curl('subset.example.com', '/same'))![1]))
    expect(seen.size).toBe(2)
  })

  it('ConfigMap: names of headers, who sees the status, forms of the log, the version, a snippet for all', () => {
    expect(curl('small.example.com', '/', "-H 'some_name: yes'")).toContain('under= ')
    settings({ 'enable-underscores-in-headers': 'true', 'server-tokens': 'true', 'nginx-status-ipv4-whitelist': '0.0.0.0/0', 'log-format-escape-json': 'true', 'log-format-upstream': '{"agent":"$http_user_agent","none":"$http_none"}', 'location-snippet': 'more_set_headers "X-Everywhere: $host";' })
    expect(curl('small.example.com', '/', "-H 'some_name: yes' -A 'a \"quoted\" name'")).toBe('GET / small.example.com [] HTTP/1.1 under= length=\n')
    expect(logs('ingress-nginx-controller', 'ingress-nginx')).toContain('{"agent":"a \\"quoted\\" name","none":""}\n')
    expect(curl('small.example.com', '/', '-i')).toMatch(/\nServer: nginx\/1\.25\.5\n[^]*\nX-Everywhere: small\.example\.com\n/)
    expect(curl('nobody.example.com')).toContain('<center>nginx/1.25.5</center>')
    expect(curl('nobody.example.com', '/nginx_status')).toMatch(/^Active connections: /)
    expect(curl('subset.example.com', '/', "-H 'some_name: yes'")).toContain('Some_name: yes\n')
    settings({})
    expect(curl('subset.example.com', '/', "-H 'some_name: yes'")).not.toMatch(/some_name/i)
  })

  it('ConfigMap: words that no annotation may have, and paths that need not be plain', () => {
    settings({ 'annotation-value-word-blocklist': 'load_module,lua_package', 'strict-validate-path-type': 'false' })
    expect(run(`kubectl create ingress bad --class=nginx --rule='bad.example.com/*=web:80' --annotation '${PREFIX}/upstream-vhost=lua_package'`).output).toBe(`error: failed to create ingress: admission webhook "validate.nginx.ingress.kubernetes.io" denied the request: ${PREFIX}/upstream-vhost annotation contains invalid word lua_package\n`)
    expect(run(`kubectl create ingress odd --class=nginx --rule='odd.example.com/a$b*=web:80'`).output).toBe('ingress.networking.k8s.io/odd created\n')
    settings({})
    expect(run(`kubectl create ingress odder --class=nginx --rule='odd.example.com/c$b*=web:80'`).output).toContain('ingress contains invalid paths: path /c$b cannot be used with pathType Prefix')
  })
})
