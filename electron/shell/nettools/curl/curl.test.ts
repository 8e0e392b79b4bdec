import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../../house.samples.ts'

describe('curl', () => {
  let { run }: House = { run: () => ({ output: '', code: 0 }) } as unknown as House
  beforeAll(() => {
    ;({ run } = house())
    run('kubectl create deployment web --image=nginx --replicas=3; kubectl expose deployment web --port=80 --type=NodePort; kubectl patch svc web -p \'{"spec":{"ports":[{"port":80,"nodePort":30080}]}}\'; kubectl rollout status deployment web; sleep 2')
  })
  const url = 'http://172.18.0.3:30080'

  it('asks several URLs of one server on one connection', () => {
    const { output } = run(`curl -sv -o /dev/null -o /dev/null ${url}/ ${url}/404 -w '%{http_code} %{num_connects} %{local_port}\\n'`)
    expect(output).toMatch(/\n200 1 (\d+)\n[^]*\n404 0 \1\n/)
    expect(output).toContain('* Connection #0 to host 172.18.0.3 left intact\n')
    expect(output).toContain('* Re-using existing connection #0 with host 172.18.0.3\n')
  })

  // as curl 7.88.1 with a nameserver that says nothing
  it('waits for a name no longer than it was told to', () => {
    run(`kubectl run asker --image=curlimages/curl --overrides='{"spec":{"dnsPolicy":"None","dnsConfig":{"nameservers":["172.18.0.99"]}}}' -- sleep infinity; kubectl wait --for=condition=Ready pod/asker`)
    const ask = (options: string): string => run(`kubectl exec asker -- curl -sS ${options} http://web`).output
    expect(run('kubectl exec asker -- curl -sS -m 2 http://web').output).toBe('curl: (28) Resolving timed out after 2000 milliseconds\ncommand terminated with exit code 28\n')
    expect(ask('--connect-timeout 1')).toContain('curl: (28) Resolving timed out after 1000 milliseconds\n')
    expect(ask('-m 1 --connect-timeout 3')).toContain('curl: (28) Resolving timed out after 1000 milliseconds\n')
    expect(ask('')).toContain('curl: (6) Could not resolve host: web\n')
    run('kubectl delete pod asker --grace-period=1')
  })

  it('says what -w does not know, and reads its format from a file', () => {
    expect(run(`curl -s -o /dev/null -w '%{foo}|%{scheme} %{http_version} %{method} %{exitcode} %{num_redirects} %{size_upload}\\n' ${url}`).output).toBe("curl: unknown --write-out variable: 'foo'\n|HTTP 1.1 GET 0 0 0\n")
    expect(run(`printf 'code %%{http_code}\\n' > format; curl -s -o /dev/null -w @format ${url}`).output).toBe('code 200\n')
  })

  it('sends what a file says, without its line ends', () => {
    expect(run(`printf 'a=1\\nb=22\\n' > form; curl -s -o /dev/null -d @form -d c=3 ${url} -w '%{size_upload}\\n'`).output).toBe('11\n')
    expect(run(`curl -o /dev/null -d @nope ${url}`).output).toContain('Warning: Couldn\'t read data from file "nope", this makes an empty POST.\n')
  })

  it('--fail hides the page, --fail-with-body shows it; both fail', () => {
    expect(run(`curl -sSf ${url}/nope`)).toEqual({ output: 'curl: (22) The requested URL returned error: 404\n', code: 22 })
    const shown = run(`curl -s --fail-with-body ${url}/nope`)
    expect([shown.code, shown.output.includes('404 Not Found')]).toEqual([22, true])
  })

  it('and wget say that a variable would send them through a proxy, and go past it where they are told to', () => {
    expect(run(`http_proxy=http://proxy:3128 curl -s ${url}`)).toEqual({ output: "podhop: not simulated: curl through the proxy of http_proxy (unset http_proxy, or use --noproxy '*')\n", code: 69 })
    expect(run(`http_proxy=http://proxy:3128 wget -qO- ${url}`)).toMatchObject({ output: expect.stringContaining('podhop: not simulated: wget through the proxy of http_proxy'), code: 69 })
    for (const past of [`no_proxy=10.0.0.1,172.18.0.3 curl -s ${url}`, `curl -s --noproxy '*' ${url}`, `wget --no-proxy -qO- ${url}`, `no_proxy=172.18.0.3 wget -qO- ${url}`]) {
      expect(run(`http_proxy=http://proxy:3128; export http_proxy; ${past} | grep -c '<title>Welcome'; unset http_proxy`).output).toBe('1\n')
    }
  })

  it('tries again in virtual time, and says what for', () => {
    const { output, code } = run('curl --retry 2 --retry-connrefused http://172.18.0.3:30999 2>&1 | grep -c "Will retry in [12] seconds"; curl -s --retry 3 --retry-delay 20 --retry-connrefused http://172.18.0.3:30999')
    expect([output, code]).toEqual(['2\n', 7])
  })

  it('sends forms and files, by PUT where nothing else is said', () => {
    expect(run(`echo hello > up.txt; curl -s -o /dev/null -F a=b -F f=@up.txt ${url}/ -w '%{method} %{size_upload} '; curl -sv -T up.txt ${url}/d/ 2>&1 >/dev/null | grep -E '^> (PUT|Exp|Content)'`).output).toBe(
      'POST 278 > PUT /d/up.txt HTTP/1.1\n> Content-Length: 6\n> Expect: 100-continue\n')
  })

  it('has its own words for nothing to do', () => {
    expect(run('curl')).toEqual({ output: "curl: try 'curl --help' or 'curl --manual' for more information\n", code: 2 })
  })
})
