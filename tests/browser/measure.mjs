// Shows pages in a browser at many sizes and says what a script found at each.
// Reads {browser, executable, env, pages: [{url, css, script, sizes: [[width, height], …]}]} from
// standard input; writes a line of JSON for each page: what the script returned, by size.
import { json } from "node:stream/consumers";
import puppeteer from "puppeteer-core";

const job = await json(process.stdin);
const firefox = job.browser === "firefox";
const browser = await puppeteer.launch({
  browser: firefox ? "firefox" : "chrome",
  executablePath: job.executable,
  args: firefox ? [] : job.flags,
  env: { ...process.env, ...job.env },
});
try {
  const page = await browser.newPage();
  for (const { url, css, script, sizes } of job.pages) {
    // a frame has its size before its page is loaded
    await page.setViewport({ width: sizes[0][0], height: sizes[0][1] });
    await page.goto(url, { waitUntil: "load" });
    // a sheet made by the test is none of the page's, and its policy has no say in it
    await page.evaluate((text) => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(text);
      document.adoptedStyleSheets = [sheet];
    }, css);
    const found = [];
    for (const [width, height] of sizes) {
      await page.setViewport({ width, height });
      found.push(await page.evaluate(script));
    }
    console.log(JSON.stringify(found));
  }
} finally {
  await browser.close();
}
