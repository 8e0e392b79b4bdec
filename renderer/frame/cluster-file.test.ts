import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { clusterChoices, parseClusterConfig } from '../../electron/engine/config.ts'
import { clusterFile, familiesRefusal, fileText, settingsFrom } from './cluster-file.ts'

const choices = clusterChoices()

test('what the form says is what the cluster becomes, by the form and by its file', () => {
  for (const plugin of choices.plugins) {
    for (const [option, values] of [...Object.entries(plugin.options), ['', ['']] as const]) {
      for (const value of values) {
        const wanted = { ...settingsFrom(undefined), nodes: 2, cni: plugin.name, cniOptions: option ? { [option]: value } : {}, proxyMode: 'ipvs', cloud: 'loadbalancer', ipFamilies: 'IPv4' }
        for (const families of choices.ipFamilies) {
          const asked = { ...wanted, ipFamilies: families }
          const file = clusterFile(asked, choices)
          if (familiesRefusal(asked, families, choices) === undefined) expect(parseClusterConfig(file).ipFamilies.join()).toBe(families)
          else expect(() => parseClusterConfig(file)).toThrow()
        }
        const file = clusterFile(wanted, choices)
        const config = parseClusterConfig(file)
        expect(config).toMatchObject({ cni: plugin.name, proxyMode: 'ipvs', cloud: 'loadbalancer', ipFamilies: ['IPv4'] })
        if (option) expect(config.cniOptions[option]).toBe(value)
        expect(parse(fileText(file))).toEqual(file)
      }
    }
  }
})

test('an option of another plugin is not carried along', () => {
  expect(clusterFile({ ...settingsFrom(undefined), cni: 'calico', cniOptions: { backend: 'host-gw' } }, choices)).toEqual({ nodes: 3, cni: 'calico' })
})
