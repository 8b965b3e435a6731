// Nothing: that all of the view-models link into this program without Qt Widgets is the test.
int main() {
  return 0;
}
