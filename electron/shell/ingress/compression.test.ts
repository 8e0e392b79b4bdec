import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

/** gzip by nginx, ingress-nginx and Traefik, and by limit_rate the other thing that nginx does to bodies on their way. */
const CONFIGURATION = `
gzip on; gzip_types text/plain; gzip_vary on;
server { listen 80; http2 on; root /usr/share/nginx/html;
  location /small { default_type text/plain; return 200 tiny; }
  location /long { default_type text/plain; return 200 "LONG"; }
  location /other { default_type application/json; return 200 "LONG"; }
  location /etag { gzip_vary off; try_files /index.html =404; }
  location /slow { limit_rate 1k; limit_rate_after 1k; gzip off; default_type text/plain; return 200 "LONG"; }
}`
const LONG = 'again and again '.repeat(200)

describe('answers on their way', () => {
  let run: House['run']
  let http: string
  const nginx = (script: string): string => run(`kubectl exec t -- sh -c ${JSON.stringify(script).replaceAll('$', '\\$')}`).output.replaceAll('\r\n', '\n')
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'nginx' }))
    run(`cat > site.conf <<'END'\n${CONFIGURATION.replaceAll('LONG', LONG)}\nEND
      kubectl create configmap site --from-file=default.conf=site.conf
      kubectl create deployment web --image=nginx; kubectl patch deployment web -p '{"spec":{"template":{"spec":{"volumes":[{"name":"c","configMap":{"name":"site"}}],"containers":[{"name":"nginx","volumeMounts":[{"name":"c","mountPath":"/etc/nginx/conf.d"}]}]}}}}'
      kubectl expose deployment web --port=80; kubectl create deployment who --image=traefik/whoami:v1.11; kubectl expose deployment who --port=80
      kubectl create ingress who --class=nginx --rule='who.example.com/*=who:80'; kubectl create ingress web --class=nginx --rule='web.example.com/*=web:80'
      kubectl run t --image=nicolaka/netshoot --restart=Never -- sleep 100000; kubectl rollout status deployment web who; kubectl wait --for=condition=Ready pod/t; sleep 8`)
    http = run(`kubectl -n ingress-nginx get svc ingress-nginx-controller -o jsonpath='{.spec.ports[0].nodePort}'`).output
  })

  it('nginx: gzip for who takes it, in chunks; not for HEAD, what is small, and other types', () => {
    const head = (path: string, options: string): string => nginx(`curl -s -o /dev/null -D - ${options} http://web${path}`)
    const zipped = head('/long', "-H 'Accept-Encoding: gzip'")
    expect(zipped).toMatch(/^HTTP\/1\.1 200 OK\nServer: nginx\/[0-9.]+\nDate: .*\nContent-Type: text\/plain\nTransfer-Encoding: chunked\nConnection: keep-alive\nVary: Accept-Encoding\nContent-Encoding: gzip\n\n$/)
    expect(head('/long', '')).toMatch(/Content-Length: 3200\nConnection: keep-alive\nVary: Accept-Encoding\n\n$/)
    for (const asked of [head('/long', "-I -H 'Accept-Encoding: gzip'"), head('/small', "-H 'Accept-Encoding: gzip'"), head('/other', "-H 'Accept-Encoding: gzip'"), head('/long', "-H 'Accept-Encoding: gzip;q=0'"), head('/long', "-H 'Accept-Encoding: br'"), head('/long', "-H 'Accept-Encoding: gzip' -H 'Via: 1.1 before'")]) expect(asked).not.toContain('Content-Encoding')
    expect(head('/etag', "-H 'Accept-Encoding: gzip'")).toMatch(/Last-Modified: .*\nTransfer-Encoding: chunked\nConnection: keep-alive\nETag: W\/"[0-9a-f]+-267"\nContent-Encoding: gzip\n\n$/)
  })

  it('curl --compressed shows what was sent, and counts what came', () => {
    expect(nginx(`curl -s --compressed -w ' %{size_download}' http://web/long`)).toMatch(new RegExp(`^${LONG} [4-9][0-9]$`))
    expect(nginx(`curl -s --compressed http://web/etag`)).toContain('<h1>Welcome to nginx!</h1>')
    expect(nginx(`curl -s --compressed --http2-prior-knowledge http://web/long -w '%{http_code}'`)).toBe(`${LONG}200`)
    // not for a terminal: bytes
    expect(Number(nginx(`curl -s -H 'Accept-Encoding: gzip' http://web/long | wc -c`))).toBeLessThan(100)
  })

  it('nginx: limit_rate, behind limit_rate_after', () => {
    const seconds = Number(nginx(`curl -s -o /dev/null -w '%{time_total}' http://web/slow`))
    expect(seconds).toBeGreaterThan(0.9)
    expect(seconds).toBeLessThan(3)
  })

  it('nginx -t: what the directives may be', () => {
    const test = (line: string): string => run(`kubectl run x --rm -i --image=nginx --restart=Never -- sh -c 'echo "${line}" > /etc/nginx/conf.d/x.conf; nginx -t' 2>&1`).output
    expect(test('gzip maybe;')).toContain('[emerg] 1#1: invalid value "maybe" in "gzip" directive, it must be "on" or "off" in /etc/nginx/conf.d/x.conf:1'.replace('1#1: ', ''))
    expect(test('gzip_comp_level 10;')).toContain('value must be equal to or less than 9 in /etc/nginx/conf.d/x.conf:1')
    expect(test('limit_rate fast;')).toContain('"limit_rate" directive invalid value in /etc/nginx/conf.d/x.conf:1')
    expect(test('gzip on; gzip_proxied any; gzip_min_length 1k; gzip_types *;')).toContain('test is successful')
  })

  it('ingress-nginx: use-gzip of its ConfigMap', () => {
    const head = (path: string): string => run(`curl -s -o /dev/null -D - --compressed -H 'Host: who.example.com' 'http://172.18.0.3:${http}${path}'`).output.replaceAll('\r\n', '\n')
    expect(head('/data?size=2000')).not.toContain('Content-Encoding')
    run(`kubectl -n ingress-nginx patch cm ingress-nginx-controller -p '{"data":{"use-gzip":"true","gzip-types":"application/octet-stream text/plain"}}'; sleep 8`)
    expect(head('/')).toMatch(/Vary: Accept-Encoding\n[^]*Content-Encoding: gzip\n/)
    expect(run(`curl -s --compressed -H 'Host: who.example.com' 'http://172.18.0.3:${http}/'`).output).toMatch(/^Hostname: who-/)
    expect(run('kubectl -n ingress-nginx exec deploy/ingress-nginx-controller -- cat /etc/nginx/nginx.conf').output).toMatch(/gzip on;\s+gzip_comp_level 1;\s+gzip_http_version 1\.1;\s+gzip_min_length 256;\s+gzip_types application\/octet-stream text\/plain;/)
  })
})

describe('Traefik', () => {
  it('compress: by size, by type, and never for HEAD', () => {
    const { run } = house({ ingressController: 'traefik' })
    run(`kubectl create deployment who --image=traefik/whoami:v1.11; kubectl expose deployment who --port=80; kubectl rollout status deployment who
      for kind in plain 'excludedContentTypes: [text/plain]' 'encodings: [lzma]'; do name=$(echo $kind | cut -d: -f1 | tr A-Z a-z); cat <<END
---
{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {name: $name}, spec: {compress: {$(test $name = plain || echo $kind)}}}
---
{apiVersion: traefik.io/v1alpha1, kind: IngressRoute, metadata: {name: $name}, spec: {entryPoints: [web], routes: [{match: Host(\\\`$name.example.com\\\`), kind: Rule, middlewares: [{name: $name}], services: [{name: who, port: 80}]}]}}
END
      done | kubectl apply -f -; sleep 5`)
    const port = run(`kubectl -n traefik get svc traefik -o jsonpath='{.spec.ports[0].nodePort}'`).output
    const head = (host: string, path: string, options = '--compressed'): string => run(`curl -s -o /dev/null -D - ${options} -H 'Host: ${host}.example.com' 'http://172.18.0.3:${port}${path}'`).output.replaceAll('\r\n', '\n')
    expect(head('plain', '/data?size=2000')).toMatch(/^HTTP\/1\.1 200 OK\nContent-Encoding: gzip\nContent-Type: text\/plain; charset=utf-8\nDate: .*\nVary: Accept-Encoding\nTransfer-Encoding: chunked\n\n$/)
    expect(run(`curl -s --compressed -H 'Host: plain.example.com' 'http://172.18.0.3:${port}/data?size=2000' | wc -c`).output.trim()).toBe('2000')
    expect(head('plain', '/data?size=1000')).toMatch(/Content-Length: 1000\n[^]*Vary: Accept-Encoding\n/)
    expect([head('plain', '/data?size=2000', ''), head('plain', '/data?size=2000', '-I --compressed'), head('excludedcontenttypes', '/data?size=2000')].join('')).not.toContain('Content-Encoding')
    expect(head('encodings', '/data?size=2000')).toContain('404 Not Found')
    const log = run('kubectl -n traefik logs deploy/traefik').output
    expect(log).toContain('error="unsupported encoding: lzma"')
    expect(log).toContain('podhop: not simulated: br and zstd in compress of Middleware default/plain (answers go by gzip, or as they are)')
  })
})
