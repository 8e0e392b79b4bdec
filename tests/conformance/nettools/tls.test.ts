import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../../../electron/shell/house.samples.ts'

/** The real openssl and curl as referees of ours: certificates that we made, and what curl says of a server that shows one. */
function has(command: string, pattern: RegExp): boolean {
  try {
    return pattern.test(execFileSync(command, [command === 'openssl' ? 'version' : '--version'], { encoding: 'utf8' }))
  } catch {
    return false
  }
}
const openssl = has('openssl', /^OpenSSL 3\.0\./)
const curl = openssl && has('curl', /^curl 7\.88\.1 .*OpenSSL\/3\.0\./)
if (!openssl) console.warn('skipped: no OpenSSL 3.0 to read our certificates')
else if (!curl) console.warn('skipped: no curl 7.88.1 with OpenSSL 3.0 to compare with')

describe.skipIf(!openssl)('certificates', () => {
  let run: House['run']
  let directory: string
  let server: ChildProcess | undefined
  const real = (...args: string[]): string => execFileSync('openssl', args, { cwd: directory, encoding: 'utf8' })
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'nginx' }))
    directory = mkdtempSync(join(tmpdir(), 'podhop-tls-'))
    run(`openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 3650 -subj "/O=Acme, Inc/CN=Acme CA" 2>/dev/null
      openssl req -x509 -newkey rsa:2048 -nodes -keyout web.key -out web.crt -days 30 -CA ca.crt -CAkey ca.key -subj "/C=DE/O=Shop/CN=shop.example.com" -addext "subjectAltName=DNS:shop.example.com,DNS:*.wild.example.com,IP:10.0.0.1,IP:fd00::1" 2>/dev/null`)
    for (const file of ['ca.crt', 'ca.key', 'web.crt', 'web.key']) writeFileSync(join(directory, file), run(`cat ${file}`).output)
  })
  afterAll(() => {
    server?.kill()
    rmSync(directory, { recursive: true, force: true })
  })

  it('that we made are read and believed by the real openssl', () => {
    expect(real('verify', '-attime', String(Date.UTC(2026, 0, 6) / 1000), '-CAfile', 'ca.crt', 'web.crt')).toBe('web.crt: OK\n')
    expect(real('rsa', '-in', 'web.key', '-check', '-noout')).toBe('RSA key ok\n')
    const modulus = (...args: string[]): string => real(...args, '-noout', '-modulus')
    expect(modulus('rsa', '-in', 'web.key')).toBe(modulus('x509', '-in', 'web.crt'))
  })

  it.each(['-text', '-subject', '-issuer', '-dates', '-serial', '-ext subjectAltName', '-ext basicConstraints'])('openssl x509 %s prints the same', (option) => {
    for (const file of ['ca.crt', 'web.crt']) {
      const theirs = real('x509', '-in', file, '-noout', ...option.split(' '))
      if (theirs !== '') expect(run(`openssl x509 -in ${file} -noout ${option}`).output).toBe(theirs)
    }
  })

  it('of the real openssl are read as it reads them itself', () => {
    real('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'k', '-out', 'c', '-days', '5', '-subj', '/C=FR/O=Elle & Lui/CN=a.example.com', '-addext', 'subjectAltName=DNS:a.example.com,IP:192.0.2.1')
    run(`cat > theirs.crt <<'END'\n${readFileSync(join(directory, 'c'), 'utf8')}END`)
    expect(run('openssl x509 -in theirs.crt -noout -text').output).toBe(real('x509', '-in', 'c', '-noout', '-text'))
  })

  it.skipIf(!curl)('curl -v tells of the same handshake', async () => {
    server = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', '-cert', 'web.crt', '-key', 'web.key', '-www', '-alpn', 'http/1.1'], { cwd: directory })
    const port = await new Promise<string>((resolve) => server!.stdout!.on('data', (data: Buffer) => {
      const found = /ACCEPT 127\.0\.0\.1:(\d+)/.exec(String(data))
      if (found) resolve(found[1]!)
    }))
    run(`kubectl create deployment web --image=nginx; kubectl expose deployment web --port=80; kubectl create secret tls web --cert=web.crt --key=web.key
      kubectl create ingress web --class=nginx --rule="shop.example.com/*=web:80,tls=web"; kubectl rollout status deployment web; sleep 6`)
    const nodePort = run(`kubectl -n ingress-nginx get svc ingress-nginx-controller -o jsonpath='{.spec.ports[1].nodePort}'`).output
    for (const options of ['-k', '', '--cacert nofile']) {
      const ours = run(`curl -sv ${options} --http1.1 -o /dev/null --resolve shop.example.com:${nodePort}:172.18.0.3 https://shop.example.com:${nodePort}/`)
      let theirs: { code: number; text: string }
      try {
        const text = execFileSync('sh', ['-c', `curl --noproxy '*' -sv ${options} --http1.1 -o /dev/null --resolve shop.example.com:${port}:127.0.0.1 https://shop.example.com:${port}/ 2>&1`], { cwd: directory, encoding: 'utf8' })
        theirs = { code: 0, text }
      } catch (error) {
        theirs = { code: (error as { status: number }).status, text: (error as { stdout: string }).stdout }
      }
      const plain = (text: string, at: string, ip: string): string => text.replaceAll(at, 'PORT').replaceAll(ip, 'ADDRESS').split('* using HTTP/1.1')[0]!.replace(/\[(21|25) bytes/g, '[N bytes')
      expect(plain(ours.output, nodePort, '172.18.0.3')).toBe(plain(theirs.text, port, '127.0.0.1'))
      expect(ours.code).toBe(theirs.code)
    }

    // of an address, whose certificate is another's; what we made has expired since
    if (!has('wget', /^GNU Wget 1\.21\.3/)) return console.warn('skipped: no wget 1.21.3 to compare with')
    for (const options of ['', '--no-check-certificate', '--check-certificate=quiet', '-nv', '--ca-certificate=nofile', '--ca-certificate=ca.crt --no-check-certificate']) {
      const told = (text: string): string => text.split('HTTP request sent')[0]!.replace(/^--.*\n/m, '').replace(/.*(certificate of .* has|certificate has) expired\.?\n/g, '').replace(/[‘’]/g, "'").replace(/\d+\.\d+\.\d+\.\d+(:\d+)?/g, 'ADDRESS').split('\n').filter((l) => !options.includes('ca.crt') || !/known issuer|not trusted/.test(l)).join('\n')
      const ours = run(`wget -O /dev/null ${options} https://172.18.0.3:${nodePort}/`)
      const theirs = execFileSync('sh', ['-c', `LC_ALL=C wget --no-hsts --no-proxy -O /dev/null ${options} https://127.0.0.1:${port}/ 2>&1; true`], { cwd: directory, encoding: 'utf8' })
      expect(told(ours.output)).toBe(told(theirs))
    }
    const onNode = (line: string): { output: string; code: number | undefined } => run(`hop node worker-1 -- sh -c '${line}'`)
    run('cat ca.crt | hop node worker-1 -- sh -c "cat > /ca.crt; echo 172.18.0.3 shop.example.com >> /etc/hosts"')
    expect(onNode(`wget -qO- --ca-certificate=/ca.crt https://shop.example.com:${nodePort}/`)).toMatchObject({ code: 0, output: expect.stringContaining('Welcome to nginx!') })
    expect(onNode(`wget -qO- https://shop.example.com:${nodePort}/`).code).toBe(5)
  })
})
