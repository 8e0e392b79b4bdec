import { createPublicKey, verify, type JsonWebKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

describe('what the API server and its neighbours say of themselves', () => {
  const lab = house({ nodes: 2 })
  const raw = (path: string): string => lab.run(`kubectl get --raw ${path}`).output
  /** Of a metric: its samples. */
  const samples = (text: string, name: string): string[] => text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))

  it('its key verifies the tokens of ServiceAccounts', () => {
    expect(JSON.parse(raw('/.well-known/openid-configuration'))).toEqual({
      issuer: 'https://kubernetes.default.svc.cluster.local', jwks_uri: 'https://172.18.0.2:6443/openid/v1/jwks', response_types_supported: ['id_token'], subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    })
    const { keys: [key] } = JSON.parse(raw('/openid/v1/jwks')) as { keys: [JsonWebKey & { kid: string }] }
    expect(Object.keys(key)).toEqual(['use', 'kty', 'kid', 'alg', 'n', 'e'])
    const [header, claims, signature] = lab.run('kubectl create token default').output.trim().split('.') as [string, string, string]
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'RS256', kid: key.kid })
    const isGood = (text: string): boolean => verify('sha256', Buffer.from(text), createPublicKey({ key, format: 'jwk' }), Buffer.from(signature, 'base64url'))
    expect([isGood(`${header}.${claims}`), isGood(`${header}.${claims}x`)]).toEqual([true, false])
  })

  it('the token in a Pod is signed with it, and nobody believes one that was changed', () => {
    lab.run('kubectl run curl --image=curlimages/curl --command -- sleep infinity; kubectl wait --for=condition=Ready pod/curl')
    const ask = (header: string): string => lab.run(`kubectl exec curl -- sh -c 'T=$(cat /var/run/secrets/kubernetes.io/serviceaccount/token); curl -sk -o /dev/null -w "%{http_code} %{content_type}" ${header} https://kubernetes.default.svc/openid/v1/jwks'`).output
    expect(ask('-H "Authorization: Bearer $T"')).toBe('200 application/jwk-set+json')
    expect(ask('-H "Authorization: Bearer ${T%????????}AAAAAAAA"')).toBe('401 application/json')
    expect(ask('')).toBe('403 application/json')
  })

  it('paths that are no resources are for those whose roles name them', () => {
    expect(lab.run('kubectl get --raw /metrics --as=jane').output).toBe('Error from server (Forbidden): forbidden: User "jane" cannot get path "/metrics"\n')
    expect(lab.run('kubectl get --raw /healthz --as=jane').output).toBe('ok')
  })

  it('numbers in a query are numbers', () => {
    expect(raw('/api/v1/pods?limit=x')).toBe('Error from server (BadRequest): strconv.ParseInt: parsing "x": invalid syntax\n')
    expect(raw('"/api/v1/pods?watch=1&timeoutSeconds=9223372036854775808"')).toBe('Error from server (BadRequest): strconv.ParseInt: parsing "9223372036854775808": value out of range\n')
    expect(lab.run('kubectl delete --raw "/api/v1/namespaces/default/pods/curl?gracePeriodSeconds=1s"').output).toBe('Error from server (BadRequest): strconv.ParseInt: parsing "1s": invalid syntax\n')
  })

  it('checks that are left out are named, and those that nobody has', () => {
    expect(raw('"/livez?verbose&exclude=ping&exclude=b&exclude=a"')).toMatch(/^\[\+\]ping excluded: ok\n(\[\+\]\S+ ok\n)+warn: some health checks cannot be excluded: no matches for "a","b"\nlivez check passed\n$/)
  })

  it('options of a log are looked at', () => {
    const log = (options: string): string => raw(`"/api/v1/namespaces/default/pods/curl/log?${options}"`)
    expect(log('tailLines=-1')).toBe('The PodLogOptions "curl" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0\n')
    expect(log('limitBytes=0&sinceSeconds=0')).toBe('The PodLogOptions "curl" is invalid: \n* limitBytes: Invalid value: 0: must be greater than 0\n* sinceSeconds: Invalid value: 0: must be greater than 0\n')
    lab.run('kubectl run teller --image=busybox -- echo told; kubectl wait --for=jsonpath={.status.containerStatuses[0].restartCount}=1 pod/teller')
    expect(lab.run('kubectl logs teller --since=0.1s').output).toBe('The PodLogOptions "teller" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0\n')
    // a time that is now or to come is a time
    expect(lab.run('kubectl logs teller --since-time=2035-01-01T00:00:00Z')).toMatchObject({ code: 0, output: '' })
  })

  it('counts what it keeps, and the addresses of Services', () => {
    lab.run('kubectl create service clusterip one --tcp=80; kubectl create service clusterip two --tcp=80')
    const text = raw('/metrics')
    expect(text).toContain('# HELP apiserver_storage_objects [STABLE] Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.\n# TYPE apiserver_storage_objects gauge\n')
    expect(samples(text, 'apiserver_storage_objects')).toEqual(expect.arrayContaining(['apiserver_storage_objects{resource="nodes"} 2', 'apiserver_storage_objects{resource="services"} 4', 'apiserver_storage_objects{resource="deployments.apps"} 1']))
    // kubernetes, kube-dns, one, two
    expect(samples(text, 'kube_apiserver_clusterip_allocator_allocated_ips')).toEqual(['kube_apiserver_clusterip_allocator_allocated_ips{cidr="10.96.0.0/12"} 4'])
    expect(samples(text, 'kube_apiserver_clusterip_allocator_available_ips')).toEqual([`kube_apiserver_clusterip_allocator_available_ips{cidr="10.96.0.0/12"} 1.04857e+06`])
    // the two nodes have registered themselves
    expect(samples(text, 'apiserver_request_total')).toContain('apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="nodes",scope="resource",subresource="",verb="POST",version="v1"} 2')
  })

  it('the kubelet counts Pods and containers, and what went through their interfaces', () => {
    const text = raw('/api/v1/nodes/worker-1/proxy/metrics')
    const pods = Number(lab.run('kubectl get pods -A --field-selector spec.nodeName=worker-1,status.phase=Running --no-headers | wc -l').output)
    expect(samples(text, 'kubelet_running_pods')).toEqual([`kubelet_running_pods ${pods}`])
    expect(samples(text, 'kubelet_node_name')).toEqual(['kubelet_node_name{node="worker-1"} 1'])
    const sent = (): number => Number(/ (\S+) \d+$/.exec(samples(raw('/api/v1/nodes/worker-1/proxy/metrics/cadvisor'), 'container_network_transmit_packets_total').find((line) => line.includes('interface="eth0"') && line.includes('pod="curl"'))!)![1])
    const before = sent()
    lab.run('kubectl exec curl -- ping -c 3 10.244.0.1')
    expect(sent() - before).toBeGreaterThanOrEqual(3)
  })

  it('kube-proxy counts its rules as iptables-save shows them', () => {
    const text = lab.run('hop node worker-1 -- curl -s http://127.0.0.1:10249/metrics').output
    const rules = (table: string): number => Number(lab.run(`hop node worker-1 -- iptables-save -t ${table} | grep -c "^-A KUBE-"`).output)
    expect(samples(text, 'kubeproxy_sync_proxy_rules_iptables_total')).toEqual([
      `kubeproxy_sync_proxy_rules_iptables_total{ip_family="IPv4",table="filter"} ${rules('filter')}`, `kubeproxy_sync_proxy_rules_iptables_total{ip_family="IPv4",table="nat"} ${rules('nat')}`,
    ])
    expect(text).toMatch(/^kubeproxy_sync_proxy_rules_last_timestamp_seconds\{ip_family="IPv4"\} 1\.\d+e\+09$/m)
  })

  it('lists its APIServices, and one for what a CustomResourceDefinition adds', () => {
    expect(lab.run('kubectl get apiservices v1.apps v1.').output).toMatch(/^NAME +SERVICE +AVAILABLE +AGE\nv1\.apps +Local +True +\S+\nv1\. +Local +True +\S+\n$/)
    const groups = lab.run('kubectl api-versions').output.trim().split('\n').map((each) => (each.includes('/') ? each.split('/').reverse().join('.') : `${each}.`))
    const names = lab.run("kubectl get apiservices -o jsonpath='{.items[*].metadata.name}'").output.split(' ')
    expect(new Set(names)).toEqual(new Set(groups.filter((each) => !each.endsWith('apiregistration.k8s.io'))))
    const definition = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'pools.example.com' }, spec: { group: 'example.com', scope: 'Cluster', names: { plural: 'pools', kind: 'Pool' }, versions: [{ name: 'v2', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }] } }
    lab.run(`cat > crd.yaml <<'EOF'\n${JSON.stringify(definition)}\nEOF\nkubectl apply -f crd.yaml; sleep 1`)
    expect(lab.run("kubectl get apiservice v2.example.com -o jsonpath='{.spec}{.metadata.labels}'").output).toBe('{"group":"example.com","groupPriorityMinimum":1000,"version":"v2","versionPriority":100}{"kube-aggregator.kubernetes.io/automanaged":"true"}')
    lab.run('kubectl delete crd pools.example.com; sleep 10')
    expect(lab.run('kubectl get apiservice v2.example.com').output).toBe('Error from server (NotFound): apiservices.apiregistration.k8s.io "v2.example.com" not found\n')
  })

  it('says of the API of a Service what is wrong with it, and that it is not simulated', () => {
    const apply = (spec: object): string => lab.run(`kubectl create -f - <<'EOF'\n${JSON.stringify({ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: 'v1beta1.metrics.k8s.io' }, spec })}\nEOF`).output
    const good = { group: 'metrics.k8s.io', version: 'v1beta1', groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: { name: 'metrics-server', namespace: 'kube-system' } }
    expect(apply(good)).toMatch(/^podhop: not simulated: an API of a Service, APIService v1beta1\.metrics\.k8s\.io \(/)
    expect(apply({ ...good, version: 'v1', groupPriorityMinimum: 0 })).toBe('The APIService "v1beta1.metrics.k8s.io" is invalid: \n* metadata.name: Invalid value: "v1beta1.metrics.k8s.io": must be `spec.version+"."+spec.group`: "v1.metrics.k8s.io"\n* spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000\n')
    expect(lab.run('kubectl delete apiservice v1.apps').output).toMatch(/^podhop: not simulated: an API group without its APIService v1\.apps/)
  })
})
