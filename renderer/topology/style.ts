import type { StylesheetJson } from 'cytoscape'
import { token } from '../state/theme.svelte.ts'
import { FONT } from './measure.ts'

/** Cytoscape's stylesheet out of the design tokens; made anew when the theme changes. */
export function topologyStyle(): StylesheetJson {
  const c = token
  // Cytoscape takes no quotes in font names
  const mono = c('mono').replaceAll("'", '')
  const border = (colour: string, width = 1, style: 'solid' | 'dashed' | 'dotted' = 'solid') => ({ 'border-color': colour, 'border-width': width, 'border-style': style })
  return [
    {
      selector: 'node',
      style: {
        shape: 'rectangle', width: 'data(w)', height: 'data(h)', label: 'data(text)', color: c('text'), 'font-family': mono, 'font-size': FONT.small,
        'text-valign': 'center', 'text-halign': 'center', 'background-color': c('surface'), 'background-opacity': 1, 'min-zoomed-font-size': 4, 'z-index-compare': 'manual', 'z-index': 'data(z)' as unknown as number, 'overlay-opacity': 0,
      },
    },
    // Text that stands by itself starts at the left of its place
    { selector: '.text, .port', style: { 'text-halign': 'right', 'font-size': 'data(size)' as unknown as number } },
    { selector: '.text', style: { 'background-opacity': 0, width: 1 } },
    { selector: '.port', style: { 'background-color': c('veth'), 'text-margin-x': 6, 'font-size': FONT.small } },
    { selector: '.outside', style: { shape: 'round-rectangle', 'background-color': c('raised'), ...border(c('wire')), 'font-size': FONT.normal } },
    { selector: '.outside.dim', style: { ...border(c('wire'), 1, 'dashed') } },
    { selector: '.service', style: { shape: 'round-rectangle', 'background-color': c('surface'), ...border(c('line-strong'), 1, 'dashed') } },
    { selector: '.underlay', style: { 'background-color': c('wire') } },
    { selector: '.node', style: { shape: 'round-rectangle', 'background-color': c('node-fill'), ...border(c('line-strong')) } },
    { selector: '.nic', style: { 'background-color': c('raised'), ...border(c('wire')) } },
    { selector: '.tunnel', style: { 'background-color': c('raised'), ...border(c('tunnel'), 1, 'dashed') } },
    { selector: '.bridge', style: { 'background-color': c('raised'), ...border(c('veth')) } },
    { selector: '.router', style: { 'background-color': c('raised'), color: c('text-dim'), ...border(c('veth'), 1, 'dotted') } },
    { selector: '.pod', style: { shape: 'round-rectangle', 'background-color': c('pod-fill'), ...border(c('line-strong')) } },
    { selector: '.container', style: { shape: 'round-rectangle', 'background-color': c('node-fill'), ...border(c('delivered')) } },
    { selector: '.tray', style: { shape: 'round-rectangle', 'background-opacity': 0, ...border(c('line-strong'), 1, 'dashed') } },
    { selector: '.cell', style: { 'background-color': c('delivered-quiet'), ...border(c('delivered')) } },
    // States: colour, and always another shape, line or word
    { selector: 'node.pending', style: { ...border(c('pending'), 1, 'dashed'), color: c('text') } },
    { selector: '.cell.pending', style: { shape: 'ellipse', 'background-color': c('pending-quiet'), ...border(c('pending')) } },
    { selector: 'node.failing', style: { ...border(c('dropped'), 2) } },
    { selector: '.cell.failing', style: { shape: 'diamond', 'background-color': c('dropped'), ...border(c('dropped')) } },
    { selector: 'node.down', style: { ...border(c('dropped'), 2, 'dotted') } },
    { selector: 'node.going, node.done', style: { ...border(c('line-strong'), 1, 'dotted'), color: c('text-dim') } },
    { selector: '.cell.going, .cell.done', style: { 'background-opacity': 0 } },
    { selector: '.text.dim', style: { color: c('text-dim') } },
    { selector: '.text.failing', style: { color: c('dropped'), 'border-width': 0 } },
    { selector: '.text.pending', style: { color: c('pending'), 'border-width': 0 } },
    { selector: '.strong', style: { 'font-weight': 600 } },
    {
      selector: 'edge',
      style: {
        'curve-style': 'segments', 'edge-distances': 'endpoints' as 'node-position', 'segment-weights': 'data(weights)' as unknown as number[], 'segment-distances': 'data(distances)' as unknown as number[],
        'source-endpoint': 'data(start)', 'target-endpoint': 'data(end)', 'line-color': c('veth'), width: 1.5, 'z-index-compare': 'manual', 'z-index': 3, 'overlay-opacity': 0,
      },
    },
    { selector: 'edge.straight', style: { 'curve-style': 'straight' } },
    { selector: 'edge.wire', style: { 'line-color': c('wire'), width: 2 } },
    { selector: 'edge.tunnel', style: { 'line-color': c('tunnel'), 'line-style': 'dashed', width: 1.5 } },
    { selector: 'edge.route', style: { 'line-color': c('veth'), 'line-style': 'dotted', width: 1.5 } },
    { selector: 'edge.fault', style: { 'line-color': c('dropped'), 'line-style': 'dashed', width: 1.5 } },
    { selector: 'edge.down', style: { 'line-color': c('dropped'), 'line-style': 'dotted', width: 2 } },
    { selector: 'node.related', style: { 'border-color': c('accent'), 'border-width': 1.5 } },
    { selector: 'node.selected', style: { 'border-color': c('accent'), 'border-width': 2.5 } },
    { selector: '.port.selected, .port.related', style: { 'background-color': c('accent') } },
  ]
}
