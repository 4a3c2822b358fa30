import { expect, test } from 'vitest';
import { standaloneSvg } from './standalone-svg.ts';

const rendered = (process: number) => `<svg width="2" height="2" xmlns="http://www.w3.org/2000/svg">
<path d="M0 0" pointer-events="visible" class="zr${process}-cls-0" clip-path="url(#zr${process}-c0)"></path>
<defs>
<clipPath id="zr${process}-c0"></clipPath>
</defs>
<style ><![CDATA[
.zr${process}-cls-0:hover {
cursor:pointer;
}
]]>

</style>
</svg>`;

test('a picture has a title, no style, and the same text in every process', () => {
  const picture = standaloneSvg(rendered(0), 'a < b & c');
  expect(picture).toBe(standaloneSvg(rendered(7), 'a < b & c'));
  expect(picture).toContain('<title>a &lt; b &amp; c</title>');
  expect(picture).not.toMatch(/style|class|zr\d/);
  expect(picture).toContain('clip-path="url(#chart-c0)"');
  expect(picture).toContain('id="chart-c0"');
});
